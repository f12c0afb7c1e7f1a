//! One integration binary: the daemon through its doors, and the walls of the house.

mod tidy;

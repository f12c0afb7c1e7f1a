//! Arguments in, an exit code out.

fn main() {}

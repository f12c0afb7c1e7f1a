//! Every sentence a person reads, in both languages.

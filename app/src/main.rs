//! The window and the command line.

fn main() {}

//! `kubectl videofactory`.

fn main() {}

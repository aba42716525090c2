//! The library behind the events: uploads, objects, probing, deletion

pub mod probe;

//! The pure queue engine and the Backend trait

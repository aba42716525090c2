//! The only code that connects to addresses that users chose

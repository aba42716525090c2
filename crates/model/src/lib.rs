//! The nouns of Callboard: ids, time, configuration, events, limits

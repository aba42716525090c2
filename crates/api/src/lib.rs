//! The HTTP surface: API 3.0, the COS surface, media files

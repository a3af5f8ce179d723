//! Against servers that misbehave byte by byte.

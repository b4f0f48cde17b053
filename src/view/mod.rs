//! State and events become text.

//! End-to-end tests; see ARCHITECTURE.md.

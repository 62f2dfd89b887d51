//! The conformance suite over every store.

errand_tests::conformance!(memory, sqlite, postgres, postgres_quiet);

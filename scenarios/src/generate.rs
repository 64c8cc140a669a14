//! Random workloads from a seed.

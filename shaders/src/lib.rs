//! Traces to pictures on the GPU.

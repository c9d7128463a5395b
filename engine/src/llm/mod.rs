//! (llm)

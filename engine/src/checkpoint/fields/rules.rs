//! Values under which a field has no effect.

use super::Neutral;
use serde_json::Value;

pub(super) fn is_false(value: &Value) -> bool {
    value == &Value::Bool(false)
}

pub(super) fn is_true(value: &Value) -> bool {
    value == &Value::Bool(true)
}

pub(super) fn is_zero(value: &Value) -> bool {
    value.as_f64() == Some(0.0)
}

pub(super) fn is_one(value: &Value) -> bool {
    value.as_f64() == Some(1.0)
}

pub(super) fn is_three(value: &Value) -> bool {
    value.as_u64() == Some(3)
}

/// No entries.
pub(super) fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Attention over everything, or over the window that `sliding_window` gives, which is read.
pub(super) fn is_plain_attention(value: &Value) -> bool {
    let plain = |kind: &Value| matches!(kind.as_str(), Some("full_attention" | "sliding_attention"));
    let kinds = value.as_array();
    kinds.is_some_and(|kinds| kinds.iter().all(plain) && kinds.windows(2).all(|pair| pair[0] == pair[1]))
}

pub(super) const fn neutral(
    key: &'static str,
    is: fn(&Value) -> bool,
    expected: &'static str,
    problem: &'static str,
) -> Neutral {
    Neutral { key, is, expected, problem }
}

/// A field that is not obeyed.
pub(super) const fn told(key: &'static str, is: fn(&Value) -> bool) -> Neutral {
    Neutral { key, is, expected: "", problem: "" }
}

//! Where models and encoders lie on this machine.

/// Whether `text` is `organisation/name` of a repository and nothing more: it cannot lead out of a directory.
pub(super) fn is_repo_id(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.len() <= 128
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    text.split_once('/').is_some_and(|(organisation, name)| plain(organisation) && plain(name))
}

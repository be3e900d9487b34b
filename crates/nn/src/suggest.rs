//! The nearest valid name to one that was mistyped.

/// The candidate most like `name`, if any is alike at all (Jaro-Winkler similarity of at least 0.7).
#[must_use]
pub fn nearest(name: &str, candidates: &[&str]) -> Option<String> {
    candidates
        .iter()
        .map(|&candidate| (strsim::jaro_winkler(&name.to_ascii_lowercase(), candidate), candidate))
        .filter(|(similarity, _)| *similarity >= 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// `; did you mean ...?` or nothing.
pub(crate) fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_name_and_nonsense_finds_none() {
        assert_eq!(nearest("cov1d", &["conv1d", "dense"]).as_deref(), Some("conv1d"));
        assert_eq!(nearest("Dense", &["conv1d", "dense"]).as_deref(), Some("dense"));
        assert_eq!(nearest("zzz", &["conv1d", "dense"]), None);
        assert_eq!(hint(&Some("x".into())), "; did you mean \"x\"?");
        assert_eq!(hint(&None), "");
    }
}

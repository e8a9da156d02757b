//! What a person who misspelled a name may have meant.

/// The candidate within a third of the text's length in edits, if there is one.
pub fn nearest(text: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let limit = (text.chars().count() / 3).max(1);
    candidates
        .map(|candidate| (strsim::osa_distance(text, &candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_letters_in_the_wrong_order_are_one_mistake() {
        let keys = || ["env", "port", "peak"].map(str::to_owned).into_iter();
        assert_eq!(nearest("evn", keys()).as_deref(), Some("env"));
        assert_eq!(nearest("image", keys()), None);
    }
}

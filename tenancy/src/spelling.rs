//! What a person who misspelled a name may have meant.

/// The candidate within a third of the text's length in edits, if there is one.
pub fn nearest(text: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let limit = (text.chars().count() / 3).max(1);
    candidates
        .map(|candidate| (strsim::levenshtein(text, &candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

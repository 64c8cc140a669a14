//! "Did you mean ...?"

/// Longer words are not compared: nobody mistypes a page.
const MOST_CHARACTERS: usize = 64;

/// The name that `given` was probably meant to be, if one is near enough: differing in case alone,
/// or in about a third of the letters.
///
/// ```
/// use iocp_scenarios::near::nearest;
/// assert_eq!(nearest("concurency", ["name", "concurrency"]), Some("concurrency"));
/// assert_eq!(nearest("colour", ["name", "concurrency"]), None);
/// ```
pub fn nearest<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let length = given.chars().take(MOST_CHARACTERS + 1).count();
    if length == 0 || length > MOST_CHARACTERS {
        return None;
    }
    let lower = given.to_lowercase();
    known
        .into_iter()
        .filter(|name| name.len() <= MOST_CHARACTERS && *name != given)
        .map(|name| {
            (
                strsim::damerau_levenshtein(&lower, &name.to_lowercase()),
                name,
            )
        })
        // The first of those equally near: `min_by_key` keeps it.
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= length.div_ceil(3).min(6))
        .map(|(_, name)| name)
}

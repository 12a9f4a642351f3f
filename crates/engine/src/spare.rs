//! When a table that has become nearly empty gives memory back.

/// Elements that no table minds keeping room for.
const LEAST: usize = 64;

/// The capacity to shrink to, if three quarters of the present one are empty. So at least as many
/// elements have left as are moved now, twice what is needed stays, and a table around the limit
/// does not shrink and grow in turns.
pub(crate) fn shrunk(length: usize, capacity: usize) -> Option<usize> {
    let needed = length.max(LEAST);
    (needed < capacity / 4).then_some(needed * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_large_and_nearly_empty_shrinks() {
        assert_eq!(shrunk(0, 256), None);
        assert_eq!(shrunk(0, 260), Some(128));
        assert_eq!(shrunk(250, 1000), None);
        assert_eq!(shrunk(249, 1000), Some(498));
        assert_eq!(shrunk(249, 498), None);
    }
}

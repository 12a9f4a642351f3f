//! How the vectors of a slot grow and shrink: by an eighth rather than to the double.
//!
//! There are thousands of slots and each stays small, so what doubling would leave empty in them
//! (a quarter on average) is worth more than the few further copies.

/// The least that is made room for, so that a young vector does not grow one by one.
const LEAST: usize = 4;

/// Appends an element.
pub(super) fn push<T>(vector: &mut Vec<T>, element: T) {
    if vector.len() == vector.capacity() {
        vector.reserve_exact(room(vector.len()));
    }
    vector.push(element);
}

/// Gives memory back once half of it is empty: at least as many elements have gone since it was
/// taken as are copied now.
pub(super) fn give_back<T>(vector: &mut Vec<T>) {
    let wanted = vector.len() + room(vector.len());
    if vector.len() < vector.capacity() / 2 && wanted < vector.capacity() {
        vector.shrink_to(wanted);
    }
}

fn room(length: usize) -> usize {
    (length / 8).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_left_empty_on_the_way_up_and_down() {
        let mut vector = Vec::new();
        for number in 0..10_000 {
            push(&mut vector, number);
            assert!(vector.capacity() <= vector.len() + vector.len() / 8 + LEAST);
        }
        while vector.pop().is_some() {
            give_back(&mut vector);
            assert!(vector.capacity() <= 2 * vector.len() + 2 * LEAST);
        }
    }

    #[test]
    fn growing_and_shrinking_copies_each_element_a_few_times_at_most() {
        let mut vector = Vec::new();
        let mut copied = 0;
        let mut copies = |before: usize, vector: &Vec<u32>| {
            copied += if vector.capacity() == before {
                0
            } else {
                vector.len()
            };
        };
        for number in 0..10_000 {
            let before = vector.capacity();
            push(&mut vector, number);
            copies(before, &vector);
        }
        for _ in 0..10_000 {
            let before = vector.capacity();
            vector.pop();
            give_back(&mut vector);
            copies(before, &vector);
        }
        assert!(copied < 12 * 10_000, "{copied}");
    }
}

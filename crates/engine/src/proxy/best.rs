//! The best of several final answers (RFC 3261 §16.7 step 6), as a pure choice.

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The branch's device, or main registrar, said it.
    Branch,
    /// We say it because nothing came, or nothing could be sent.
    Local,
}

/// Whether a final answer of `status` is better than the best so far: any real one beats what we made
/// up ourselves (T30), a 6xx beats all, then the lowest class wins. Within 4xx those go first that
/// tell the caller how to do better, and 503 is the last of its class because it speaks of one branch
/// only. Of two alike the first stays.
pub(crate) fn is_better(status: u16, origin: Origin, best: Option<(u16, Origin)>) -> bool {
    let Some((held, held_origin)) = best else {
        return true;
    };
    match (origin, held_origin) {
        (Origin::Branch, Origin::Local) => true,
        (Origin::Local, Origin::Branch) => false,
        _ => rank(status) < rank(held),
    }
}

/// Lower is better.
const fn rank(status: u16) -> (u16, u8) {
    let class = match status / 100 {
        6 => 0,
        class => class,
    };
    let within = match status {
        401 | 407 | 415 | 420 | 484 => 0,
        // Neither says anything about the user.
        408 | 503 => 2,
        _ => 1,
    };
    (class, within)
}

/// The status that a caller hears for the best one: a 503 would keep him from all that lies behind
/// us (RFC 3261 §16.7 step 6).
pub(crate) const fn told(status: u16) -> u16 {
    match status {
        503 => 500,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best_of(answers: &[(u16, Origin)]) -> u16 {
        let mut best = None;
        for (status, origin) in answers {
            if is_better(*status, *origin, best) {
                best = Some((*status, *origin));
            }
        }
        best.unwrap().0
    }

    fn real(statuses: &[u16]) -> u16 {
        let answers: Vec<_> = statuses.iter().map(|s| (*s, Origin::Branch)).collect();
        best_of(&answers)
    }

    #[test]
    fn r3261_16_30_the_best_answer_is_chosen() {
        assert_eq!(real(&[486, 603, 302]), 603);
        assert_eq!(real(&[486, 302]), 302);
        assert_eq!(real(&[500, 486]), 486);
        assert_eq!(real(&[486, 401]), 401);
        assert_eq!(real(&[480, 486]), 480);
        assert_eq!(real(&[503, 500]), 500);
        assert_eq!(real(&[408, 486]), 486);
    }

    #[test]
    fn t30_our_own_failures_never_beat_an_answer() {
        let local = |status| (status, Origin::Local);
        assert_eq!(best_of(&[local(408), (486, Origin::Branch)]), 486);
        assert_eq!(best_of(&[(503, Origin::Branch), local(408)]), 503);
        assert_eq!(best_of(&[local(503), local(408)]), 408);
        assert_eq!(told(503), 500);
        assert_eq!(told(486), 486);
    }
}

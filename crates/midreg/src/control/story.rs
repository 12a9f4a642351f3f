//! What is known of an AoR, in sentences. Pure: from what goes over the wire to text.

use super::wire::{Call, Contact, Decision, Explained, Lease, Pending, Refused, Warning};

/// Where the rows of the decision table are told.
const TABLE: &str = "Rows such as D13 are those of the decision table in docs/registration.md.";

/// Everything that is known of an AoR, as a text of several paragraphs.
#[must_use]
pub fn explain(told: &Explained) -> String {
    let mut text = headline(told);
    for (number, contact) in told.contacts.iter().enumerate() {
        text += &format!("\nDevice {}: {}\n", number + 1, contact.contact);
        for line in device(contact, told.at) {
            text += &format!("  {line}\n");
        }
    }
    let of_pending = told.pending.iter().map(pending);
    let of_refusals = told.refusals.iter().map(|one| refused(one, told.at));
    let of_calls = told.calls.iter().map(|one| call(one, told.at));
    let of_warnings = told.warnings.iter().map(warning);
    text += &section("Under way with the main registrar:", of_pending);
    text += &section("The last REGISTERs that were refused:", of_refusals);
    text += &section("The last calls:", of_calls);
    text += &section("Beware:", of_warnings);
    if text.contains("(D") {
        text += &format!("\n{TABLE}\n");
    }
    text
}

/// A call in one sentence; `now` is the present in Unix milliseconds.
#[must_use]
pub fn call(call: &Call, now: u64) -> String {
    let Call { caller, callee, .. } = call;
    let mut story = vec![match call.branches {
        0 => "no place to try".to_owned(),
        1 => "one place tried".to_owned(),
        places => format!("{places} places tried"),
    }];
    story.extend(
        call.rang_after_ms
            .map(|ms| format!("rang after {}", millis(ms))),
    );
    story.extend(
        call.answered_after_ms
            .map(|ms| format!("answered after {}", millis(ms))),
    );
    let ended = call.ended_after_ms.map(millis);
    let after = ended.map_or_else(String::new, |ended| format!(" after {ended}"));
    let status = call.status.unwrap_or_default();
    story.push(match call.end.as_str() {
        "cancelled" => format!("cancelled by the caller{after}"),
        "refused" => format!("refused with {status}{after}"),
        "failed" => format!("came to nothing ({status}){after}"),
        "caller-hung-up" => format!("the caller hung up{after}"),
        "callee-hung-up" => format!("the callee hung up{after}"),
        _ => "not over, as far as is known".to_owned(),
    });
    let (when, source) = (ago(call.at, now), &call.source);
    format!(
        "{when}, {caller} called {callee} (from {source}): {}.",
        story.join(", ")
    )
}

/// Seconds as people say them.
#[must_use]
pub fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => match seconds % 60 {
            0 => format!("{minutes} min"),
            rest => format!("{minutes} min {rest} s"),
        },
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// How long ago something was, both in Unix milliseconds.
#[must_use]
pub fn ago(at: u64, now: u64) -> String {
    match now.saturating_sub(at) / 1000 {
        0 => "just now".to_owned(),
        seconds => format!("{} ago", span(seconds)),
    }
}

fn headline(told: &Explained) -> String {
    let Explained { aor, mode, .. } = told;
    let known = !(told.pending.is_empty() && told.refusals.is_empty() && told.calls.is_empty());
    match told.contacts.len() {
        0 if known => format!("{aor} is not registered (mode {mode}).\n"),
        0 => format!(
            "{aor} is not registered (mode {mode}), and nothing is remembered of who tried to.\n"
        ),
        1 => format!("{aor} is registered with one device (mode {mode}).\n"),
        count => format!("{aor} is registered with {count} devices (mode {mode}).\n"),
    }
}

fn section(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: String = lines.map(|line| format!("  {line}\n")).collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\n{title}\n{lines}"),
    }
}

fn device(contact: &Contact, now: u64) -> Vec<String> {
    let Contact {
        asked,
        granted,
        remote,
        transport,
        local,
        ..
    } = contact;
    let left = span(contact.expires_in.into());
    let mut lines = vec![
        format!("It asked for {asked} s and was promised {granted} s, of which {left} are left."),
        format!("It is at {remote}, by {transport}, and speaks with {local}."),
        lease(contact),
        proved(contact),
    ];
    if let Some(instance) = &contact.instance {
        lines.push(format!("It calls itself {instance}."));
    }
    lines.push(format!("To end it alone: midreg kick {}", contact.id));
    if contact.history.is_empty() {
        lines.push("It has sent nothing since midreg started.".to_owned());
    } else {
        lines.push("Its last requests, the newest first:".to_owned());
        let told = contact.history.iter();
        lines.extend(told.map(|one| format!("  {}", decision(one, now))));
    }
    lines
}

fn proved(contact: &Contact) -> String {
    let ago = match contact.proved_ago {
        0 => "just now".to_owned(),
        seconds => format!("{} ago", span(seconds.into())),
    };
    match &contact.lease {
        None => format!("midreg last took it at its word, or its password, {ago}."),
        Some(_) => format!("The main registrar last accepted it {ago}."),
    }
}

fn lease(contact: &Contact) -> String {
    let Some(lease) = &contact.lease else {
        return "There is no main registrar behind it: midreg is the registrar.".to_owned();
    };
    let Lease { granted, left, .. } = lease;
    let node = lease.node.as_deref().unwrap_or("a main registrar");
    let left = span((*left).into());
    let what = match contact.mode.as_str() {
        "mirror" => format!("Its own registration at {node}, of {granted} s, has {left} left"),
        _ if lease.sharing > 1 => format!(
            "It shares a lease of {granted} s at {node} with the user's other devices ({} in all); \
             {left} are left",
            lease.sharing
        ),
        _ => format!("Behind it is a lease of {granted} s at {node}; {left} are left"),
    };
    match lease.standing.as_str() {
        "trusted" => format!("{what}."),
        "old-epoch" => {
            format!("{what}, but it is of an older epoch: its next REGISTER is forwarded (D11).")
        }
        "node-gone" => format!(
            "{what}, but that server is configured no more: its next REGISTER is forwarded (D11)."
        ),
        _ => format!("{what}, but it is in doubt: its next REGISTER is forwarded (D11)."),
    }
}

fn decision(told: &Decision, now: u64) -> String {
    let (row, why) = (&told.row, reason(&told.row));
    let granted = match told.granted {
        0 => String::new(),
        seconds => format!(", with {seconds} s"),
    };
    let verdict = match (told.outcome.as_str(), row.as_str()) {
        ("answered", "D13" | "D14") => format!("absorbed{granted}"),
        ("answered", "D2") => "given the same answer again".to_owned(),
        ("answered", _) => "answered here".to_owned(),
        ("refused", _) => "refused here".to_owned(),
        ("challenged", _) => "asked for its password here".to_owned(),
        ("asked", _) => "forwarded, and not answered yet".to_owned(),
        ("accepted", _) => format!("forwarded and accepted{granted}"),
        ("registered", _) => format!("registered here{granted}"),
        ("challenged-upstream", _) => "forwarded and challenged".to_owned(),
        ("refused-upstream", _) => "forwarded and refused by the main registrar".to_owned(),
        ("unanswered", _) => "forwarded, to no usable answer".to_owned(),
        (other, _) => other.to_owned(),
    };
    format!("{}: {verdict}, because {why} ({row}).", ago(told.at, now))
}

/// Why a row of the decision table applies.
#[must_use]
pub fn reason(row: &str) -> &'static str {
    match row {
        "D1" => "it was malformed, too brief or over a limit",
        "D2" => "it was the same request again",
        "D3" => "it was out of order",
        "D4" => "it answered a challenge",
        "D5" => "it asked who is registered",
        "D6" => "it took its registration back",
        "D7" => "the device was unknown",
        "D8" => "its Contact, Path or instance had changed",
        "D9" => "it came by another flow than the proved one",
        "D10" => "its proof was older than reauth_interval",
        "D11" => "its lease was of an older epoch, or in doubt",
        "D12" => "its lease ran short",
        "D13" => "it was a pure refresh and the lease carries it",
        "D14" => "the main registrar could not be asked",
        "mirror" => "in mirror mode everything goes to the main registrar",
        _ => "of a rule that this program does not know",
    }
}

fn pending(told: &Pending) -> String {
    let node = told.node.as_deref().unwrap_or("the main registrar");
    let source = told.source.as_deref().unwrap_or("midreg");
    let left = span(told.left.unwrap_or_default().into());
    let attempt = told.attempt.unwrap_or_default();
    let waiting = match told.waiting {
        0 => String::new(),
        count => format!(" {count} more wait for their turn."),
    };
    let stage = match told.stage.as_str() {
        "asking" => {
            let row = told.row.as_deref().unwrap_or_default();
            let since = told.since_ms.unwrap_or_default();
            let why = reason(row);
            format!(
                "A REGISTER from {source} was sent to {node} {since} ms ago, because {why} ({row}), \
                 and is not answered."
            )
        }
        "challenged" => format!(
            "{node} asked the device at {source} for its password; it has {left} to answer."
        ),
        "releasing" => format!("A lease is being given back to {node} (try {attempt})."),
        _ => format!("A lease will be given back to {node} in {left} (after {attempt} tries)."),
    };
    stage + &waiting
}

fn refused(told: &Refused, now: u64) -> String {
    let Refused {
        source,
        status,
        reason: phrase,
        row,
        ..
    } = told;
    let when = ago(told.at, now);
    let why = match (&told.by, status) {
        (None, 401) => "its user name or password was not right".to_owned(),
        (Some(node), 401 | 407) => format!("{node} did not take its user name or password"),
        (Some(node), _) => format!("{node} refused it"),
        (None, _) => reason(row).to_owned(),
    };
    format!("{when}: {source} was told {status} {phrase}: {why} ({row}).")
}

fn warning(told: &Warning) -> String {
    let node = told.node.as_deref().unwrap_or("the main registrar");
    match told.kind.as_str() {
        "lets-strangers-in" => format!(
            "{node} has accepted a new device without asking for a password: it would accept anybody \
             through midreg. `upstream.require_challenge = true` refuses such registrations."
        ),
        "displacing" => format!(
            "{node} has never listed more than one of several devices of a user. If it keeps only one, \
             they displace each other: `mode = \"aor\"` is for that."
        ),
        "takes-anybody" => "nobody is asked for a password in this domain \
                            (`registration.accept = \"anybody\"`)."
            .to_owned(),
        other => format!("{other} ({node})"),
    }
}

fn millis(ms: u32) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{:.1} s", f64::from(ms) / 1000.0),
        _ => span(u64::from(ms / 1000)),
    }
}

#[cfg(test)]
mod tests;

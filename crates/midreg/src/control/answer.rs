//! What is answered to a request: the shards are asked, and what they say is put together.

use std::time::{SystemTime, UNIX_EPOCH};

use engine::command::{Answer, Cursor, NodeView};
use engine::{BindingId, Command, NodeId, Slot};
use serde_json::Value;
use tracing::info;

use super::desk::Desk;
use super::wire::{
    Calls, Code, Contacts, Explained, Kicked, LogLevels, Refusal, Reloaded, Request, Response,
    Resynced, Status, Watched,
};
use super::{limits, merge, views};
use crate::config::Fault;
use crate::reload::Reloader;

/// The answer to a request.
pub(super) type Answered = Response<Value>;

/// Does what a request wants. `trace` has no one answer and is not for here.
pub(super) fn answer(desk: &Desk, request: &Request) -> Answered {
    let answered = match request {
        Request::Status {} => as_value(status(desk)),
        Request::Contacts { aor, cursor, limit } => {
            contacts(desk, aor.as_deref(), cursor.as_deref(), *limit).and_then(as_value)
        }
        Request::Explain { aor } => explain(desk, aor).and_then(as_value),
        Request::Kick { who } => kick(desk, who).and_then(as_value),
        Request::Calls { aor, limit } => calls(desk, aor.as_deref(), *limit).and_then(as_value),
        Request::Resync { node } => resync(desk, node.as_deref()).and_then(as_value),
        Request::Reload {} => reload(desk).and_then(as_value),
        Request::Log { part, level } => {
            log(desk, part.as_deref(), level.as_deref()).and_then(as_value)
        }
        Request::Trace { .. } => Err(refusal(Code::BadRequest, "a trace is not one answer")),
    };
    match answered {
        Ok(value) => Response::Ok(value),
        Err(refusal) => Response::Error(refusal),
    }
}

/// What one who wants to watch an AoR is told first.
pub(super) fn watching(desk: &Desk, aor: &str) -> Result<Watched, Refusal> {
    let told = explain(desk, aor)?;
    let upstream = nodes(desk).into_iter().flatten();
    let upstream = upstream.filter_map(|node| Some(node.address?.to_string()));
    let mut upstream: Vec<String> = upstream.collect();
    upstream.sort();
    upstream.dedup();
    Ok(Watched::Watching {
        aor: told.aor,
        upstream,
    })
}

fn status(desk: &Desk) -> Status {
    let (report, told) = desk.report();
    let uptime = desk.started().elapsed().as_millis();
    let listeners = desk.listeners().into_iter();
    Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        at: wall(),
        uptime_ms: u64::try_from(uptime).unwrap_or(u64::MAX),
        listeners: listeners.map(|local| format!("udp://{local}")).collect(),
        workers: desk.shards(),
        silent_workers: desk.shards().saturating_sub(told),
        upstream: merge::nodes(&nodes(desk)),
        ..merge::status(&report)
    }
}

fn nodes(desk: &Desk) -> Vec<Vec<NodeView>> {
    let answers = desk.ask_all(|tag| Command::Nodes { tag }).into_iter();
    let nodes = answers.filter_map(|answer| match answer {
        Answer::Nodes(nodes) => Some(nodes),
        _ => None,
    });
    nodes.collect()
}

fn contacts(
    desk: &Desk,
    aor: Option<&str>,
    cursor: Option<&str>,
    limit: Option<usize>,
) -> Result<Contacts, Refusal> {
    if let Some(aor) = aor {
        let told = explain(desk, aor)?;
        return Ok(Contacts {
            contacts: told.contacts,
            next: None,
        });
    }
    let from = match cursor {
        Some(text) => Bookmark::read(text)
            .ok_or_else(|| refusal(Code::BadRequest, "not the `next` of an answer"))?,
        None => Bookmark {
            shard: 0,
            at: Cursor::START,
        },
    };
    let most = limit.unwrap_or(limits::CONTACTS).clamp(1, limits::CONTACTS);
    page(desk, from, most)
}

/// Reads on from a bookmark until there is a page, or enough was done for one request.
fn page(desk: &Desk, from: Bookmark, most: usize) -> Result<Contacts, Refusal> {
    let mut contacts = Vec::new();
    let mut next = Some(from);
    for _ in 0..limits::PAGES_PER_REQUEST {
        let Some(Bookmark { shard, at }) = next.filter(|_| contacts.len() < most) else {
            break;
        };
        let left = most - contacts.len();
        let answer = desk.ask(shard, |tag| Command::List {
            tag,
            from: at,
            most: left,
        });
        let Some(Answer::Page(page)) = answer else {
            return Err(refusal(Code::NoAnswer, "a worker did not answer in time"));
        };
        contacts.extend(page.bindings.into_iter().map(views::contact));
        next = match page.next {
            Some(at) => Some(Bookmark { shard, at }),
            None => Some(shard + 1)
                .filter(|shard| *shard < desk.shards())
                .map(|shard| Bookmark {
                    shard,
                    at: Cursor::START,
                }),
        };
    }
    Ok(Contacts {
        contacts,
        next: next.map(Bookmark::text),
    })
}

fn explain(desk: &Desk, aor: &str) -> Result<Explained, Refusal> {
    let nodes = nodes(desk);
    let name = |id: NodeId| {
        let node = nodes.iter().flatten().find(|node| node.id == id)?;
        Some(node.name.clone())
    };
    let mut parts = Vec::new();
    for answer in desk.ask_all(|tag| Command::Explain {
        tag,
        aor: aor.to_owned(),
    }) {
        match answer {
            Answer::Explanation(told) => parts.push(views::explained(*told, &name)),
            Answer::Refused(why) => return Err(refusal(Code::BadRequest, why)),
            _ => {}
        }
    }
    let told = merge::explained(parts);
    let told = told.ok_or_else(|| refusal(Code::NoAnswer, "no worker answered in time"))?;
    Ok(Explained {
        calls: calls(desk, Some(aor), Some(LAST_CALLS))?.calls,
        at: wall(),
        ..told
    })
}

/// Calls that an explanation tells.
const LAST_CALLS: usize = 5;

fn calls(desk: &Desk, aor: Option<&str>, limit: Option<usize>) -> Result<Calls, Refusal> {
    let most = limit.unwrap_or(limits::CALLS).clamp(1, limits::CALLS);
    let mut calls = Vec::new();
    for answer in desk.ask_all(|tag| Command::Calls {
        tag,
        aor: aor.map(str::to_owned),
        most,
    }) {
        match answer {
            Answer::Calls(of_shard) => calls.extend(of_shard.iter().map(views::call)),
            Answer::Refused(why) => return Err(refusal(Code::BadRequest, why)),
            _ => {}
        }
    }
    calls.sort_by_key(|call| std::cmp::Reverse(call.at));
    calls.truncate(most);
    Ok(Calls { at: wall(), calls })
}

fn kick(desk: &Desk, who: &str) -> Result<Kicked, Refusal> {
    let binding = BindingId::read(who);
    let answers = desk.ask_all(|tag| match binding {
        Some(binding) => Command::KickBinding { tag, binding },
        None => Command::Kick {
            tag,
            aor: who.to_owned(),
        },
    });
    let mut kicked = 0;
    for answer in answers {
        match answer {
            Answer::Kicked(count) => kicked += count,
            Answer::Refused(_) => {
                let message = "neither an AoR (user@host) nor the id of a contact";
                return Err(refusal(Code::BadRequest, message));
            }
            _ => {}
        }
    }
    match kicked {
        0 => Err(refusal(Code::NotFound, "nobody of this name is registered")),
        kicked => Ok(Kicked { kicked }),
    }
}

fn resync(desk: &Desk, node: Option<&str>) -> Result<Resynced, Refusal> {
    let known = merge::nodes(&nodes(desk)).into_iter().map(|node| node.name);
    let wanted = known.filter(|name| node.is_none_or(|wanted| wanted == name));
    let nodes: Vec<String> = wanted.collect();
    match (node, nodes.is_empty()) {
        (Some(node), true) => {
            let message = format!("no server of the main registrar is called {node}");
            return Err(refusal(Code::NotFound, message));
        }
        (None, true) => {
            return Err(refusal(Code::NotFound, "there is no main registrar"));
        }
        _ => {}
    }
    for name in &nodes {
        let node = NodeId::of(name);
        let _ = desk.ask_all(|tag| Command::ResyncNode { tag, node });
    }
    Ok(Resynced { nodes })
}

fn reload(desk: &Desk) -> Result<Reloaded, Refusal> {
    let done = reloader(desk)?.reload();
    let done = done.map_err(|why| refusal(Code::Refused, why.to_string()))?;
    Ok(Reloaded {
        changed: done.changed,
        warnings: done.warnings.iter().map(Fault::text).collect(),
    })
}

fn log(desk: &Desk, part: Option<&str>, level: Option<&str>) -> Result<LogLevels, Refusal> {
    let dial = reloader(desk)?.dial();
    match (part, level) {
        (Some(part), Some(level)) => {
            let turned = dial.turn(part, level);
            turned.map_err(|why| refusal(Code::BadRequest, why.to_string()))?;
            info!(target: "control", part, level, "the log was turned");
        }
        (None, None) => {}
        _ => return Err(refusal(Code::BadRequest, "a part and a level, or neither")),
    }
    let levels = dial.standing();
    let levels = levels.map(|(part, level)| (part.name().to_owned(), level.to_owned()));
    Ok(LogLevels {
        levels: levels.collect(),
    })
}

/// What the process that serves has, and one inside another program has not.
fn reloader(desk: &Desk) -> Result<&Reloader, Refusal> {
    let reloader = desk.reloader();
    reloader.ok_or_else(|| refusal(Code::Refused, "this midreg has no configuration of its own"))
}

/// How far a reader of all contacts has come: which shard, and where there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bookmark {
    shard: usize,
    at: Cursor,
}

impl Bookmark {
    fn text(self) -> String {
        format!("{:x}-{:x}-{:x}", self.shard, self.at.slot.0, self.at.index)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let shard = usize::from_str_radix(parts.next()?, 16).ok()?;
        let slot = Slot(u16::from_str_radix(parts.next()?, 16).ok()?);
        let index = u32::from_str_radix(parts.next()?, 16).ok()?;
        let at = Cursor { slot, index };
        parts.next().is_none().then_some(Self { shard, at })
    }
}

fn refusal(code: Code, message: impl Into<String>) -> Refusal {
    Refusal {
        code,
        message: message.into(),
    }
}

fn as_value(answer: impl serde::Serialize) -> Result<Value, Refusal> {
    let value = serde_json::to_value(answer);
    value.map_err(|error| refusal(Code::NoAnswer, error.to_string()))
}

/// The present in Unix milliseconds.
fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bookmarks_are_read_as_they_are_written() {
        let bookmark = Bookmark {
            shard: 3,
            at: Cursor {
                slot: Slot(0xfff),
                index: 17,
            },
        };
        assert_eq!(bookmark.text(), "3-fff-11");
        assert_eq!(Bookmark::read("3-fff-11"), Some(bookmark));
        for bad in ["", "1", "1-2", "1-2-3-4", "1-10000-0", "a@b"] {
            assert_eq!(Bookmark::read(bad), None, "{bad}");
        }
    }
}

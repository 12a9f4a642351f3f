//! `Cast`: the caller and all devices. What each says next follows from what it hears; nothing here waits or looks
//! at a clock.

use std::io;

use super::call::Call;
use super::heads::uri;
use super::lines::{CALLER, Lines};
use super::script::{CallId, Later, Script};
use crate::fields;
use crate::load::Tally;

/// A body that is not there.
const NO_BODY: &[u8] = b"Content-Length: 0\r\n\r\n";

/// Everybody who takes part in the calls of one relay.
pub struct Cast {
    script: Script,
    /// Request-URI by user.
    targets: Vec<Vec<u8>>,
    /// Contact line by device line.
    contacts: Vec<String>,
    devices: usize,
    calls: Vec<Call>,
    idle: Vec<u32>,
    next_user: u32,
    /// What happened since the phase began.
    pub tally: Tally,
}

/// A datagram and where and when it was heard.
#[derive(Clone, Copy)]
pub struct Heard<'a> {
    /// The line it came by.
    pub line: usize,
    /// All of it.
    pub datagram: &'a [u8],
    /// When, in nanoseconds.
    pub now: u64,
}

impl Cast {
    /// `places` calls at a time, to the users with these Request-URIs, each with `devices` devices. Device n of
    /// all (user by user) has device line n modulo their number. `hosts` are the addresses of these lines.
    pub fn new(
        script: Script,
        targets: Vec<Vec<u8>>,
        hosts: &[std::net::SocketAddr],
        (devices, places): (usize, usize),
    ) -> Self {
        Self {
            script,
            targets,
            contacts: hosts
                .iter()
                .map(|host| format!("Contact: <sip:phone@{host}>\r\n"))
                .collect(),
            devices,
            calls: (0..places).map(|_| Call::place(devices)).collect(),
            idle: (0..places as u32).rev().collect(),
            next_user: 0,
            tally: Tally::default(),
        }
    }

    /// How many calls are under way.
    pub fn busy(&self) -> usize {
        self.calls.len() - self.idle.len()
    }

    /// How many more may begin now.
    pub fn free(&self) -> usize {
        self.idle.len()
    }

    /// Begins a call to the next user, due at `intended`.
    pub fn begin(&mut self, intended: u64, lines: &mut Lines) -> io::Result<()> {
        let Some(slot) = self.idle.pop() else {
            return Ok(());
        };
        let user = self.next_user;
        self.next_user = (user + 1) % self.targets.len().max(1) as u32;
        let call = &mut self.calls[slot as usize];
        call.begin(user, intended);
        self.tally.sent += 1;
        let serial = call.serial;
        let target = &self.targets[user as usize];
        lines.send(CALLER, |out| {
            self.script
                .invite(CallId { slot, serial }, user, target, out);
        })
    }

    /// Somebody hears something.
    pub fn hear(&mut self, heard: Heard<'_>, lines: &mut Lines) -> io::Result<()> {
        let id = self.script.recognise(heard.datagram).filter(|id| {
            let call = self.calls.get(id.slot as usize);
            call.is_some_and(|call| call.serial == id.serial && !call.is_idle())
        });
        let Some(id) = id else {
            self.tally.stray += 1;
            return Ok(());
        };
        match heard.line {
            CALLER => self.caller_hears(id, heard, lines)?,
            _ => self.device_hears(id, heard, lines)?,
        }
        if self.calls[id.slot as usize].is_over() {
            self.end(id.slot, 200);
        }
        Ok(())
    }

    /// Gives up calls that began before `deadline` and are still not over.
    pub fn give_up(&mut self, deadline: u64) {
        for slot in 0..self.calls.len() {
            let call = &mut self.calls[slot];
            if !call.is_idle() && call.began < deadline {
                call.free();
                self.idle.push(slot as u32);
                self.tally.lost += 1;
            }
        }
    }

    fn caller_hears(&mut self, id: CallId, heard: Heard<'_>, lines: &mut Lines) -> io::Result<()> {
        let call = &mut self.calls[id.slot as usize];
        match fields::status(heard.datagram) {
            Some(101..=199) if call.on_ringing() => {
                let winner = call.winner();
                let line = line_of(call.user, winner, self.devices, lines);
                let contact = &self.contacts[line - 1];
                let body = [contact.as_bytes(), self.script.answer()];
                lines.send(line, |out| {
                    call.ends[winner].answer("200 OK", winner, body[0], out);
                    out.extend_from_slice(body[1]);
                })?;
            }
            Some(200..=299) if is_to(heard.datagram, b"INVITE") => {
                if call.on_answer() {
                    let took = heard.now.saturating_sub(call.began);
                    self.tally.latency.record(took);
                    call.far.read(heard.datagram);
                    lines.send(CALLER, |out| {
                        self.script.later(Later::Ack, id, &call.far, out);
                    })?;
                }
            }
            Some(200..=299) => call.on_hung_up(),
            Some(status @ 300..) => {
                if is_to(heard.datagram, b"INVITE") {
                    let target = &self.targets[call.user as usize];
                    let to = fields::header(heard.datagram, "To").unwrap_or_default();
                    lines.send(CALLER, |out| self.script.ack_refusal(id, target, to, out))?;
                }
                self.end(id.slot, status);
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    fn device_hears(&mut self, id: CallId, heard: Heard<'_>, lines: &mut Lines) -> io::Result<()> {
        let call = &mut self.calls[id.slot as usize];
        let first = line_of(call.user, 0, self.devices, lines);
        let device = (heard.line + lines.of_devices() - first) % lines.of_devices();
        let line = heard.line;
        let Some(end) = call.ends.get_mut(device) else {
            self.tally.stray += 1;
            return Ok(());
        };
        let method = heard.datagram.split(|byte| *byte == b' ').next();
        match method.unwrap_or_default() {
            b"INVITE" => {
                end.read(heard.datagram);
                let contact = self.contacts[line - 1].as_bytes();
                lines.send(line, |out| end.answer("100 Trying", device, NO_BODY, out))?;
                lines.send(line, |out| {
                    end.answer("180 Ringing", device, contact, out);
                    out.extend_from_slice(NO_BODY);
                })
            }
            b"CANCEL" => {
                let mut cancel = super::heads::Heads::default();
                cancel.read(heard.datagram);
                lines.send(line, |out| cancel.answer("200 OK", device, NO_BODY, out))?;
                if end.is_read() {
                    lines.send(line, |out| {
                        end.answer("487 Request Terminated", device, NO_BODY, out);
                    })?;
                }
                Ok(())
            }
            b"ACK" if call.on_ack(device) => {
                let far = &call.far;
                lines.send(CALLER, |out| self.script.later(Later::Bye, id, far, out))
            }
            b"BYE" => {
                let mut bye = super::heads::Heads::default();
                bye.read(heard.datagram);
                lines.send(line, |out| bye.answer("200 OK", device, NO_BODY, out))
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, slot: u32, status: u16) {
        self.calls[slot as usize].free();
        self.idle.push(slot);
        *self.tally.statuses.entry(status).or_insert(0) += 1;
    }
}

/// The line of a user's device.
fn line_of(user: u32, device: usize, devices: usize, lines: &Lines) -> usize {
    CALLER + 1 + (user as usize * devices + device) % lines.of_devices()
}

/// Whether a response answers this method.
fn is_to(response: &[u8], method: &[u8]) -> bool {
    fields::header(response, "CSeq").is_some_and(|cseq| cseq.ends_with(method))
}

/// What a main registrar learns from a REGISTER: the number of the user, and the URI that he is reached by.
pub fn learn(register: &[u8]) -> Option<(usize, &[u8])> {
    if !register.starts_with(b"REGISTER ") {
        return None;
    }
    let to = uri(fields::header(register, "To")?);
    let user = to
        .strip_prefix(b"sip:u")?
        .split(|byte| *byte == b'@')
        .next()?;
    let contact = fields::header(register, "Contact")?;
    Some((fields::number(user)? as usize, uri(contact)))
}

#[cfg(test)]
mod tests;

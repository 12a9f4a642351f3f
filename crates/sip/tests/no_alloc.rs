//! Reading what a registrar needs from a REGISTER allocates nothing.
#![allow(unsafe_code, reason = "a global allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use sip::aor::{AorBuf, canonical};
use sip::header::auth::Credentials;
use sip::header::contact::{Contact, ContactAddr};
use sip::header::cseq::CSeq;
use sip::header::expires::DeltaSeconds;
use sip::header::name_addr::NameAddr;
use sip::header::option_tags::OptionTags;
use sip::header::route::Route;
use sip::header::via::Via;
use sip::scan::{classify, peek_route};
use sip::validate::{check_fields, check_request};
use sip::{Message, Name, Response, Uri};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

const REGISTER: &[u8] = include_bytes!("../benches/register.sip");

fn read_like_a_registrar(bytes: &[u8]) {
    black_box((classify(bytes), peek_route(bytes)));
    let message = Message::parse(bytes).unwrap();
    check_request(&message).unwrap();
    check_fields(&message).unwrap();
    black_box(Uri::parse(message.request().unwrap().uri).unwrap());
    for via in message.values(Name::Via) {
        black_box(Via::parse(via).unwrap().received_ip());
    }
    let to = NameAddr::parse(message.header(Name::To).unwrap().value).unwrap();
    let mut aor = AorBuf::new();
    canonical(&Uri::parse(to.uri).unwrap(), &mut aor).unwrap();
    black_box(CSeq::parse(message.header(Name::CSeq).unwrap().value).unwrap());
    black_box(DeltaSeconds::parse(message.header(Name::Expires).unwrap().value).unwrap());
    for value in message.values(Name::Contact) {
        if let Contact::Addr(contact) = Contact::parse(value).unwrap() {
            black_box(Uri::parse(contact.addr.uri).unwrap());
        }
    }
    for value in message.values(Name::Path) {
        black_box(Route::parse(value).unwrap());
    }
    let supported = OptionTags::parse(message.header(Name::Supported).unwrap().value).unwrap();
    assert!(supported.contains("path"));
    black_box(Credentials::parse(message.header(Name::Authorization).unwrap().value).unwrap());
}

fn answer(bytes: &[u8], out: &mut Vec<u8>) {
    let message = Message::parse(bytes).unwrap();
    let mut response = Response::new(out, 200, "OK");
    let from: std::net::SocketAddr = "[2001:db8::1]:5060".parse().unwrap();
    response.vias_from(&message, Some(from.into()));
    response.copy(&message, Name::From);
    response.to_with_tag(&message, b"0123456789abcdef");
    response.copy(&message, Name::CallId);
    response.copy(&message, Name::CSeq);
    response.header_number("Expires", 60);
    response.finish(b"");
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(black_box(vec![1_u8]))), 1);
}

#[test]
fn reading_a_register_allocates_nothing() {
    assert_eq!(allocations(|| read_like_a_registrar(REGISTER)), 0);
}

#[test]
fn answering_into_a_large_enough_buffer_allocates_nothing() {
    let mut out = Vec::with_capacity(4096);
    assert_eq!(allocations(|| answer(REGISTER, &mut out)), 0);
    assert!(ContactAddr::parse(b"<sip:a@b>").is_ok() && !out.is_empty());
}

use super::*;
use crate::echo::Echo;
use std::thread;

/// Answers `answers` datagrams after having ignored the first `ignored`; ends by itself.
fn target(ignored: usize, answers: usize) -> (SocketAddr, thread::JoinHandle<Vec<SocketAddr>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let address = socket.local_addr().unwrap();
    let work = move || {
        let mut buffer = [0; 2048];
        let mut sources = Vec::new();
        for turn in 0..ignored + answers {
            let Ok((length, source)) = socket.recv_from(&mut buffer) else {
                break;
            };
            if turn >= ignored {
                socket.send_to(&buffer[..length], source).unwrap();
            }
            sources.push(source);
        }
        sources
    };
    (address, thread::spawn(work))
}

fn driver(address: SocketAddr, sockets: usize, devices: u32) -> Driver<Echo> {
    Driver::new(
        open_sources(address, sockets).unwrap(),
        devices,
        Echo::new(100),
    )
    .unwrap()
}

fn plan(pacing: Pacing, selection: Selection, requests: u64) -> Plan {
    Plan {
        name: "test",
        pacing,
        selection,
        requests,
        time: Duration::from_secs(30),
    }
}

#[test]
fn a_closed_loop_ends_when_all_is_answered() {
    let (address, target) = target(0, 500);
    let mut driver = driver(address, 3, 40);
    let tally = driver
        .run(&plan(
            Pacing::Closed { window: 64 },
            Selection::Everyone,
            500,
        ))
        .unwrap();
    assert_eq!((tally.sent, tally.succeeded(), tally.lost), (500, 500, 0));
    assert_eq!(tally.latency.count(), 500);
    assert_eq!(
        (tally.mean_request_bytes(), tally.mean_response_bytes()),
        (100, 100)
    );
    assert_eq!(driver.unregistered(), 0);
    let mut sources = target.join().unwrap();
    sources.sort();
    sources.dedup();
    assert_eq!(sources.len(), 3);
}

#[test]
fn unregistered_devices_have_one_turn_each() {
    let (address, target) = target(0, 100);
    let mut driver = driver(address, 2, 100);
    let once = plan(
        Pacing::Closed { window: 7 },
        Selection::Unregistered,
        u64::MAX,
    );
    assert_eq!(driver.run(&once).unwrap().sent, 100);
    assert_eq!(driver.run(&once).unwrap().sent, 0);
    assert_eq!(target.join().unwrap().len(), 100);
}

#[test]
fn what_is_lost_is_sent_again_from_the_same_port() {
    let (address, target) = target(2, 2);
    let mut driver = driver(address, 2, 2);
    let tally = driver
        .run(&plan(Pacing::Closed { window: 2 }, Selection::Everyone, 2))
        .unwrap();
    assert_eq!(
        (tally.sent, tally.retransmits, tally.succeeded(), tally.lost),
        (2, 2, 2, 0)
    );
    assert!(tally.latency.quantile(0.0) >= Duration::from_millis(495));
    let mut sources = target.join().unwrap();
    let mut again = sources.split_off(2);
    sources.sort();
    again.sort();
    assert_eq!(sources, again);
}

#[test]
fn at_a_fixed_rate_latency_counts_from_the_intended_time() {
    let (address, target) = target(1, 21);
    // One device: while its first request waits for a repetition, twenty more fall due.
    let mut driver = driver(address, 1, 1);
    let tally = driver
        .run(&plan(
            Pacing::Rate { per_second: 1000.0 },
            Selection::Everyone,
            21,
        ))
        .unwrap();
    assert_eq!(
        (tally.sent, tally.retransmits, tally.succeeded()),
        (21, 1, 21)
    );
    assert!(
        tally.latency.quantile(0.0) >= Duration::from_millis(470),
        "{:?}",
        tally.latency.quantile(0.0)
    );
    assert_eq!(tally.lag.count(), 21);
    target.join().unwrap();
}

#[test]
fn a_phase_starts_nothing_after_its_time() {
    let (address, target) = target(0, 1);
    let mut driver = driver(address, 1, 1);
    let over = Plan {
        time: Duration::ZERO,
        ..plan(Pacing::Closed { window: 1 }, Selection::Everyone, 1000)
    };
    assert_eq!(driver.run(&over).unwrap().sent, 0);
    driver
        .run(&plan(Pacing::Closed { window: 1 }, Selection::Everyone, 1))
        .unwrap();
    target.join().unwrap();
}

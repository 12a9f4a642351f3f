use super::*;
use crate::echo::Echo;
use std::thread;

/// An echo that ignores the first datagrams it gets.
struct Target {
    address: SocketAddr,
    work: thread::JoinHandle<Vec<SocketAddr>>,
}

impl Target {
    fn ignoring(mut ignored: usize) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let address = socket.local_addr().unwrap();
        let work = move || {
            let mut buffer = [0; 2048];
            let mut sources = Vec::new();
            while let Ok((length @ 1.., source)) = socket.recv_from(&mut buffer) {
                sources.push(source);
                if ignored > 0 {
                    ignored -= 1;
                } else {
                    socket.send_to(&buffer[..length], source).unwrap();
                }
            }
            sources
        };
        Self {
            address,
            work: thread::spawn(work),
        }
    }

    /// Ends it by an empty datagram; returns the sources of all it got.
    fn stop(self) -> Vec<SocketAddr> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(&[], self.address).unwrap();
        self.work.join().unwrap()
    }
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
    let target = Target::ignoring(0);
    let mut driver = driver(target.address, 3, 40);
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
    let mut sources = target.stop();
    sources.sort();
    sources.dedup();
    assert_eq!(sources.len(), 3);
}

#[test]
fn unregistered_devices_have_one_turn_each() {
    let target = Target::ignoring(0);
    let mut driver = driver(target.address, 2, 100);
    let once = plan(
        Pacing::Closed { window: 7 },
        Selection::Unregistered,
        u64::MAX,
    );
    assert_eq!(driver.run(&once).unwrap().sent, 100);
    assert_eq!(driver.run(&once).unwrap().sent, 0);
    assert!(target.stop().len() >= 100);
}

#[test]
fn what_is_lost_is_sent_again_from_the_same_port() {
    let target = Target::ignoring(2);
    let mut driver = driver(target.address, 2, 2);
    let tally = driver
        .run(&plan(Pacing::Closed { window: 2 }, Selection::Everyone, 2))
        .unwrap();
    assert_eq!((tally.sent, tally.succeeded(), tally.lost), (2, 2, 0));
    assert!(tally.retransmits >= 2);
    assert!(tally.latency.quantile(0.0) >= Duration::from_millis(495));
    let mut sources = target.stop();
    let mut again = sources.split_off(2);
    sources.sort();
    again.sort();
    again.dedup();
    assert_eq!(sources, again);
}

#[test]
fn at_a_fixed_rate_latency_counts_from_the_intended_time() {
    let target = Target::ignoring(1);
    // One device: while its first request waits for a repetition, twenty more fall due.
    let mut driver = driver(target.address, 1, 1);
    let tally = driver
        .run(&plan(
            Pacing::Rate { per_second: 1000.0 },
            Selection::Everyone,
            21,
        ))
        .unwrap();
    assert_eq!((tally.sent, tally.succeeded()), (21, 21));
    assert!(tally.retransmits >= 1);
    assert!(
        tally.latency.quantile(0.0) >= Duration::from_millis(470),
        "{:?}",
        tally.latency.quantile(0.0)
    );
    assert_eq!(tally.lag.count(), 21);
    target.stop();
}

#[test]
fn what_falls_due_and_cannot_be_sent_is_reported() {
    let target = Target::ignoring(1);
    // One device whose only request waits for its repetition beyond the end of the phase.
    let mut driver = driver(target.address, 1, 1);
    let brief = Plan {
        time: Duration::from_millis(100),
        ..plan(
            Pacing::Rate { per_second: 100.0 },
            Selection::Everyone,
            1000,
        )
    };
    let tally = driver.run(&brief).unwrap();
    assert_eq!((tally.sent, tally.succeeded(), tally.overdue), (1, 1, 9));
    target.stop();
}

#[test]
fn a_phase_starts_nothing_after_its_time() {
    let target = Target::ignoring(0);
    let mut driver = driver(target.address, 1, 1);
    let over = Plan {
        time: Duration::ZERO,
        ..plan(Pacing::Closed { window: 1 }, Selection::Everyone, 1000)
    };
    assert_eq!(driver.run(&over).unwrap().sent, 0);
    driver
        .run(&plan(Pacing::Closed { window: 1 }, Selection::Everyone, 1))
        .unwrap();
    target.stop();
}

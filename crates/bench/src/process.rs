//! `Process`: what another process has used so far, read from `/proc`. CPU time is that of all its threads,
//! user and system apart, in the kernel's ticks (10 ms): a round must last seconds to mean something.

use std::fs;
use std::ops::Sub;

use crate::failure::{Context, Failure};
use crate::syscalls;

/// A process on this machine, known by its number.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pid: u32,
}

/// CPU time used by a process since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTime {
    /// Microseconds in user space.
    pub user_us: f64,
    /// Microseconds in the kernel on its behalf.
    pub system_us: f64,
}

impl CpuTime {
    /// User and system time together, in microseconds.
    pub fn total_us(self) -> f64 {
        self.user_us + self.system_us
    }

    /// The share of each of `requests` requests; zero when there were none.
    pub fn per(self, requests: u64) -> Self {
        let n = requests.max(1) as f64;
        Self {
            user_us: self.user_us / n,
            system_us: self.system_us / n,
        }
    }
}

impl CpuTime {
    fn plus(self, other: Self) -> Self {
        Self {
            user_us: self.user_us + other.user_us,
            system_us: self.system_us + other.system_us,
        }
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            user_us: self.user_us - earlier.user_us,
            system_us: self.system_us - earlier.system_us,
        }
    }
}

impl Process {
    /// The process numbered `pid`; whether it exists shows when it is read.
    pub fn new(pid: u32) -> Self {
        Self { pid }
    }

    /// CPU time used so far, by the process and by those it has started and that still live, and so on. Fails
    /// when the process is gone.
    pub fn cpu(self) -> Result<CpuTime, Failure> {
        let children = self.children().into_iter();
        // A child that has ended meanwhile was no worker.
        Ok(children
            .filter_map(|child| child.cpu().ok())
            .fold(self.own_cpu()?, CpuTime::plus))
    }

    /// The processes that its first thread has started; none where the kernel does not tell.
    fn children(self) -> Vec<Self> {
        let listed = self.read(&format!("task/{}/children", self.pid));
        let listed = listed.unwrap_or_default();
        let pids = listed.split_ascii_whitespace();
        pids.filter_map(|pid| pid.parse().ok().map(Self::new))
            .collect()
    }

    fn own_cpu(self) -> Result<CpuTime, Failure> {
        let text = self.read("stat")?;
        let (user, system) = parse_stat(&text).ok_or_else(|| self.unreadable("stat"))?;
        let tick_us = 1e6 / syscalls::clock_ticks() as f64;
        Ok(CpuTime {
            user_us: user as f64 * tick_us,
            system_us: system as f64 * tick_us,
        })
    }

    /// Resident memory in bytes. Fails when the process is gone.
    pub fn resident_bytes(self) -> Result<u64, Failure> {
        let text = self.read("statm")?;
        let pages = parse_statm(&text).ok_or_else(|| self.unreadable("statm"))?;
        Ok(pages * syscalls::page_bytes())
    }

    /// The most that resident memory has ever been, in bytes. Fails when the process is gone.
    pub fn peak_bytes(self) -> Result<u64, Failure> {
        let text = self.read("status")?;
        parse_status(&text, "VmHWM").ok_or_else(|| self.unreadable("status"))
    }

    fn read(self, file: &str) -> Result<String, Failure> {
        fs::read_to_string(format!("/proc/{}/{file}", self.pid))
            .while_doing(|| format!("process {}", self.pid))
    }

    fn unreadable(self, file: &str) -> Failure {
        Failure::new(format!("process {}: {file} has an unknown form", self.pid))
    }
}

/// `utime` and `stime` in ticks: fields 14 and 15 of proc_pid_stat(5). The command name (field 2) stands
/// in parentheses and may itself contain spaces and parentheses, so counting starts after the last one.
fn parse_stat(text: &str) -> Option<(u64, u64)> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// A size in bytes that proc_pid_status(5) gives in kB.
fn parse_status(text: &str, name: &str) -> Option<u64> {
    let field = |line: &str| {
        Some(
            line.strip_prefix(name)?
                .strip_prefix(':')?
                .trim()
                .to_owned(),
        )
    };
    let value = text.lines().find_map(field)?;
    Some(value.strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// Resident pages: the second field of proc_pid_statm(5).
fn parse_statm(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_with_a_nasty_command_name() {
        let text = "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 130 0 0 0 1234 567 0 0 20 0 3 0 99 1000 77\n";
        assert_eq!(parse_stat(text), Some((1234, 567)));
    }

    #[test]
    fn malformed_files_give_nothing() {
        assert_eq!(parse_stat(""), None);
        assert_eq!(parse_stat("1 (x) S 1 2 3"), None);
        assert_eq!(parse_stat("1 (x) S 1 2 3 4 5 6 7 8 9 10 u s"), None);
        assert_eq!(parse_statm("12"), None);
        assert_eq!(parse_status("VmHWM: x kB\n", "VmHWM"), None);
        assert_eq!(parse_status("VmHWMx: 1 kB\n", "VmHWM"), None);
    }

    #[test]
    fn statm_counts_resident_pages() {
        assert_eq!(parse_statm("5000 321 100 1 0 400 0\n"), Some(321));
    }

    #[test]
    fn status_tells_the_peak() {
        let text = "Name:\tmidreg\nVmPeak:\t  900 kB\nVmHWM:\t    12 kB\nVmRSS:\t    10 kB\n";
        assert_eq!(parse_status(text, "VmHWM"), Some(12 * 1024));
    }

    #[test]
    fn our_own_figures_can_be_read() {
        let me = Process::new(std::process::id());
        assert!(me.resident_bytes().unwrap() > 100_000);
        assert!(me.peak_bytes().unwrap() > 100_000);
        let before = me.cpu().unwrap();
        assert!((me.cpu().unwrap() - before).total_us() >= 0.0);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(Process::new(u32::MAX).cpu().is_err());
    }

    #[test]
    fn shares_per_request() {
        let share = CpuTime {
            user_us: 100.0,
            system_us: 300.0,
        }
        .per(100);
        assert_eq!(
            share,
            CpuTime {
                user_us: 1.0,
                system_us: 3.0
            }
        );
        assert!((share.total_us() - 4.0).abs() < 1e-9);
    }
}

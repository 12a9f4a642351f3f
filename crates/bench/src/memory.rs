//! `Memory`: what the bindings of a run took in the target's resident memory.

use crate::failure::Failure;
use crate::json::Json;
use crate::process::Process;

/// Resident memory of the target before and after the preload.
pub struct Memory {
    /// Bytes before any device was registered.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
    /// Devices registered meanwhile.
    pub bindings: u64,
}

impl Memory {
    /// What `target` holds now that `bindings` devices are registered, `before` bytes having been there already.
    pub fn grown(target: Process, before: u64, bindings: u64) -> Result<Self, Failure> {
        Ok(Self {
            before,
            after: target.resident_bytes()?,
            bindings,
        })
    }

    /// Bytes that each binding added.
    pub fn per_binding(&self) -> f64 {
        (self.after as f64 - self.before as f64) / self.bindings.max(1) as f64
    }

    /// All of it for programs.
    pub fn json(&self) -> Json {
        Json::object([
            ("before_bytes", self.before.into()),
            ("after_bytes", self.after.into()),
            ("bindings", self.bindings.into()),
            ("per_binding_bytes", self.per_binding().into()),
        ])
    }

    /// One line for people.
    pub fn text(&self) -> String {
        format!(
            "resident memory: {:.1} MB before, {:.1} MB after {} bindings = {:.0} bytes each",
            self.before as f64 / 1e6,
            self.after as f64 / 1e6,
            self.bindings,
            self.per_binding()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_per_binding() {
        let memory = Memory {
            before: 10_000_000,
            after: 150_000_000,
            bindings: 200_000,
        };
        assert_eq!(memory.per_binding(), 700.0);
        assert!(memory.text().contains("= 700 bytes each"));
        let shrunk = Memory {
            before: 2,
            after: 1,
            bindings: 0,
        };
        assert_eq!(shrunk.per_binding(), -1.0);
    }
}

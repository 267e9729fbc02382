//! For which machine a program was built: its header says so before anything is started.

use bytes::Bytes;

use super::archive;
use crate::environment::deployment::Deployment;

/// This machine's architecture as Lambda names it.
pub(crate) const NATIVE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

/// How much of a program is looked at.
const HEAD: u64 = 20;

/// Why the program of a `provided` function cannot run here, if it is for another machine: `archives` are its package
/// and its layers, the last one first.
pub(crate) fn foreign(deployment: &Deployment, archives: &[Bytes]) -> Option<String> {
    let program = archives.iter().find_map(|archive| archive::head(archive, "bootstrap", HEAD))?;
    let machine = machine(&program)?;
    (machine != NATIVE).then(|| {
        format!(
            "The bootstrap of {} is built for {machine}, and functions run on {NATIVE} here. Build it for {NATIVE}.",
            deployment.function
        )
    })
}

/// The machine of an ELF program; `None` for scripts and everything else.
fn machine(program: &[u8]) -> Option<String> {
    let number = match program {
        [0x7f, b'E', b'L', b'F', _, 2, rest @ ..] => u16::from_be_bytes([*rest.get(12)?, *rest.get(13)?]),
        [0x7f, b'E', b'L', b'F', _, _, rest @ ..] => u16::from_le_bytes([*rest.get(12)?, *rest.get(13)?]),
        _ => return None,
    };
    Some(match number {
        0x3e => "x86_64".to_owned(),
        0xb7 => "arm64".to_owned(),
        0x03 => "32-bit x86".to_owned(),
        0x28 => "32-bit ARM".to_owned(),
        other => format!("machine {other} of the ELF format"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_stands_in_the_header() {
        let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0".to_vec();
        assert_eq!(machine(&program).unwrap(), "arm64");
        program[18] = 0x3e;
        assert_eq!(machine(&program).unwrap(), "x86_64");
        program[5] = 2;
        program[18..].copy_from_slice(&[0, 0xb7]);
        assert_eq!(machine(&program).unwrap(), "arm64");
        assert_eq!(machine(b"#!/bin/sh\necho one two three four"), None);
        assert_eq!(machine(b"\x7fELF\x02\x01"), None);
        // This test's own program is for this machine.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        if own.starts_with(b"\x7fELF") {
            assert_eq!(machine(&own[..20]).unwrap(), NATIVE);
        }
    }
}

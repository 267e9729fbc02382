//! Blocks of addresses, as values.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

/// A block of IPv4 addresses. The address is the first of the block: what is set beyond its length is taken away, as EC2
/// does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    start: u32,
    pub(crate) length: u8,
}

impl Block {
    /// `10.0.0.0/16`; `None` where the text is no block.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = split(text, 32)?;
        let address: Ipv4Addr = address.parse().ok()?;
        Some(Self { start: u32::from(address) & mask(length), length })
    }

    /// The `at`th block of so many bits in this one.
    pub(crate) fn nth(self, at: u32, length: u8) -> Self {
        let size = 1_u32.checked_shl(32 - u32::from(length)).unwrap_or(0);
        Self { start: self.start.wrapping_add(at.wrapping_mul(size)), length }
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.length <= other.length && other.start & mask(self.length) == self.start
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// How many addresses it has.
    pub(crate) fn size(self) -> u64 {
        1 << (32 - self.length)
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.start), self.length)
    }
}

fn mask(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

/// Address and length, which is digits alone.
fn split(text: &str, longest: u8) -> Option<(&str, u8)> {
    let (address, length) = text.split_once('/')?;
    let length = length.bytes().all(|it| it.is_ascii_digit()).then(|| length.parse().ok())??;
    (length <= longest).then_some((address, length))
}

/// A block of IPv6 addresses as EC2 shows it.
pub(crate) fn parse_v6(text: &str) -> Option<String> {
    let (address, length) = split(text, 128)?;
    let address: Ipv6Addr = address.parse().ok()?;
    let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    Some(format!("{}/{length}", Ipv6Addr::from(u128::from(address) & mask)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        Block::parse(text).unwrap()
    }

    #[test]
    fn blocks_are_read_strictly_and_shown_by_their_first_address() {
        assert_eq!(block("10.0.3.7/22").to_string(), "10.0.0.0/22");
        assert_eq!(block("1.2.3.4/0").to_string(), "0.0.0.0/0");
        assert_eq!(block("1.2.3.4/32").size(), 1);
        for wrong in
            ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "10.0.0.0/", "a/8", "::/8", "10.0.0.0/8/8"]
        {
            assert_eq!(Block::parse(wrong), None, "{wrong}");
        }
        assert_eq!(parse_v6("2001:DB8::1/32").as_deref(), Some("2001:db8::/32"));
        assert_eq!(parse_v6("::/0").as_deref(), Some("::/0"));
        assert_eq!(parse_v6("10.0.0.0/8"), None);
    }

    #[test]
    fn blocks_contain_each_other_or_do_not_meet() {
        assert!(block("10.0.0.0/16").contains(block("10.0.255.0/24")));
        assert!(!block("10.0.0.0/16").contains(block("10.1.0.0/24")));
        assert!(!block("10.0.0.0/24").contains(block("10.0.0.0/16")));
        assert!(block("10.0.0.0/24").overlaps(block("10.0.0.0/16")));
        assert!(!block("10.0.0.0/24").overlaps(block("10.0.1.0/24")));
        assert!(block("0.0.0.0/0").contains(block("255.255.255.255/32")));
        assert_eq!(block("172.31.0.0/16").nth(5, 20).to_string(), "172.31.80.0/20");
    }
}

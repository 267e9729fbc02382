//! `Fn::Cidr`: a block of addresses divided into smaller ones.

use std::net::IpAddr;

/// AWS's limit.
const MOST: u64 = 256;

/// The first `count` blocks in `block`, each with `bits` bits for its own addresses; why not, if there is no room.
pub(crate) fn split(block: &str, count: u64, bits: u64) -> Result<Vec<String>, String> {
    let malformed = || format!("{block} is no block of addresses");
    let (address, prefix) = block.split_once('/').ok_or_else(malformed)?;
    let address: IpAddr = address.parse().map_err(|_| malformed())?;
    let prefix: u32 = prefix.parse().map_err(|_| malformed())?;
    let (whole, base) = match address {
        IpAddr::V4(address) => (32, u128::from(address.to_bits())),
        IpAddr::V6(address) => (128, address.to_bits()),
    };
    let own = u32::try_from(bits).ok().filter(|bits| (1..=whole).contains(bits));
    let (Some(free), Some(own)) = (u32::checked_sub(whole, prefix), own) else {
        return Err(format!("{block} cannot be divided into blocks of {bits} bits"));
    };
    if !(1..=MOST).contains(&count) {
        return Err(format!("the count is between 1 and {MOST}, not {count}"));
    }
    let room = free.checked_sub(own).map(|spare| 1_u128.checked_shl(spare).unwrap_or(u128::MAX));
    if room.is_none_or(|room| room < u128::from(count)) {
        return Err(format!("{block} has no room for {count} blocks of {bits} bits"));
    }
    let start = base.checked_shr(free).and_then(|base| base.checked_shl(free)).unwrap_or(0);
    let made = (0..u128::from(count)).map(|at| {
        let address = start + (at << (own % 128));
        let mask = whole - own;
        match u32::try_from(address).ok().filter(|_| whole == 32) {
            Some(address) => format!("{}/{mask}", std::net::Ipv4Addr::from_bits(address)),
            None => format!("{}/{mask}", std::net::Ipv6Addr::from_bits(address)),
        }
    });
    Ok(made.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_divided_from_their_beginning() {
        let made = split("192.168.0.0/24", 6, 5).unwrap();
        assert_eq!(made[0], "192.168.0.0/27");
        assert_eq!(made[5], "192.168.0.160/27");
        assert_eq!(split("10.1.2.3/16", 2, 8).unwrap(), ["10.1.0.0/24", "10.1.1.0/24"]);
        assert_eq!(split("2001:db8:1234:1a00::/56", 2, 64).unwrap()[1], "2001:db8:1234:1a01::/64");
        assert_eq!(split("::/0", 1, 128).unwrap(), ["::/0"]);
        assert_eq!(split("0.0.0.0/0", 2, 31).unwrap()[1], "128.0.0.0/1");
    }

    #[test]
    fn what_cannot_be_divided_is_told() {
        for (block, count, bits) in [
            ("10.0.0.0", 1, 8),
            ("10.0.0.0/33", 1, 8),
            ("10.0.0.0/24", 0, 4),
            ("10.0.0.0/8", 257, 4),
            ("10.0.0.0/24", 2, 8),
            ("10.0.0.0/24", 1, 9),
            ("10.0.0.0/24", 1, 0),
            ("::/0", 2, 128),
            ("x/24", 1, 1),
            ("10.0.0.0/24", u64::MAX, u64::MAX),
        ] {
            assert!(split(block, count, bits).is_err(), "{block} {count} {bits}");
        }
    }
}

//! Checksums of uploads, as S3 has them: `x-amz-checksum-*` headers, trailers and members.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use crc::{CRC_32_ISCSI, CRC_64_NVME, Crc, Table};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// How a checksum is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// The one that SDKs use by themselves.
    Crc32,
    /// Castagnoli's.
    Crc32c,
    /// The one that S3 makes where a client sends none.
    Crc64Nvme,
    /// MD5 as a checksum (not as Content-MD5).
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// All of them.
pub const ALGORITHMS: &[Algorithm] = &[
    Algorithm::Crc32,
    Algorithm::Crc32c,
    Algorithm::Crc64Nvme,
    Algorithm::Md5,
    Algorithm::Sha1,
    Algorithm::Sha256,
    Algorithm::Sha512,
];

impl Algorithm {
    /// `CRC32`, as the model's enum has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// The algorithm of a name, in any case.
    pub fn of(name: &str) -> Option<Self> {
        ALGORITHMS.iter().copied().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    /// `ChecksumCRC32`, the member that carries a value.
    pub fn member(self) -> String {
        format!("Checksum{}", self.name())
    }

    /// The algorithm of `x-amz-checksum-crc32`.
    pub fn of_header(header: &str) -> Option<Self> {
        let name = header.trim().get(.."x-amz-checksum-".len())?;
        let rest = &header.trim()["x-amz-checksum-".len()..];
        name.eq_ignore_ascii_case("x-amz-checksum-").then(|| Self::of(rest)).flatten()
    }

    /// Whether the checksum of a whole follows from its bytes alone, however it came in parts.
    pub fn is_crc(self) -> bool {
        matches!(self, Self::Crc32 | Self::Crc32c | Self::Crc64Nvme)
    }

    /// How many bytes a checksum has.
    pub fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// A checksum in the making.
pub struct Hasher(Inner);

enum Inner {
    Crc32(crc32fast::Hasher),
    Crc32c(crc::Digest<'static, u32, Table<16>>),
    Crc64Nvme(crc::Digest<'static, u64, Table<16>>),
    Md5(md5::Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Box<Sha512>),
}

impl Hasher {
    /// Of nothing yet.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Crc32 => Inner::Crc32(crc32fast::Hasher::new()),
            Algorithm::Crc32c => Inner::Crc32c(CRC32C.digest()),
            Algorithm::Crc64Nvme => Inner::Crc64Nvme(CRC64NVME.digest()),
            Algorithm::Md5 => Inner::Md5(md5::Md5::new()),
            Algorithm::Sha1 => Inner::Sha1(Sha1::new()),
            Algorithm::Sha256 => Inner::Sha256(Sha256::new()),
            Algorithm::Sha512 => Inner::Sha512(Box::new(Sha512::new())),
        })
    }

    /// And these bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Inner::Crc32(hasher) => hasher.update(bytes),
            Inner::Crc32c(hasher) => hasher.update(bytes),
            Inner::Crc64Nvme(hasher) => hasher.update(bytes),
            Inner::Md5(hasher) => hasher.update(bytes),
            Inner::Sha1(hasher) => hasher.update(bytes),
            Inner::Sha256(hasher) => hasher.update(bytes),
            Inner::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The checksum.
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            Inner::Crc32(hasher) => hasher.finalize().to_be_bytes().to_vec(),
            Inner::Crc32c(hasher) => hasher.finalize().to_be_bytes().to_vec(),
            Inner::Crc64Nvme(hasher) => hasher.finalize().to_be_bytes().to_vec(),
            Inner::Md5(hasher) => hasher.finalize().to_vec(),
            Inner::Sha1(hasher) => hasher.finalize().to_vec(),
            Inner::Sha256(hasher) => hasher.finalize().to_vec(),
            Inner::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }

    /// The checksum as members and headers carry it.
    pub fn finish_base64(self) -> String {
        STANDARD.encode(self.finish())
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_literature() {
        let of = |algorithm, text: &str| {
            let mut hasher = Hasher::new(algorithm);
            text.as_bytes().chunks(4).for_each(|chunk| hasher.update(chunk));
            crate::sigv4::hex(&hasher.finish())
        };
        assert_eq!(of(Algorithm::Crc32, "123456789"), "cbf43926");
        assert_eq!(of(Algorithm::Crc32c, "123456789"), "e3069283");
        assert_eq!(of(Algorithm::Crc64Nvme, "123456789"), "ae8b14860a799888");
        assert_eq!(of(Algorithm::Md5, ""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(of(Algorithm::Sha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        for algorithm in ALGORITHMS {
            assert_eq!(Algorithm::of(algorithm.name()), Some(*algorithm));
            assert_eq!(Hasher::new(*algorithm).finish().len(), algorithm.length());
            let header = format!("X-Amz-Checksum-{}", algorithm.name().to_lowercase());
            assert_eq!(Algorithm::of_header(&header), Some(*algorithm));
        }
        assert_eq!(Algorithm::of_header("x-amz-checksum-type"), None);
    }
}

//! What a standard library links: standard streams, a clock and randomness, in a world without files, network, environment
//! or arguments.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use rand_core::TryRng;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder};

use crate::capabilities::log::{Log, Standard};

/// What clock and randomness show to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The machine's own.
    Now,
    /// A standing clock and a seed: the same call gives the same answer.
    Fixed {
        /// Milliseconds since 1970.
        ms: u64,
        seed: u64,
    },
}

/// Bytes of randomness that one call of `get-random-bytes` may ask for.
const RANDOM_BYTES: u64 = 64 << 10;

/// Makes the context. Only done when a guest asks for any of it.
pub(crate) fn context(moment: Moment, log: &Log) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder
        .stdout(Stream { log: log.clone(), standard: Standard::Output })
        .stderr(Stream { log: log.clone(), standard: Standard::Error })
        .max_random_size(RANDOM_BYTES)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    if let Moment::Fixed { ms, seed } = moment {
        builder
            .wall_clock(Standing(Duration::from_millis(ms)))
            .monotonic_clock(Standing(Duration::ZERO))
            .secure_random(Seeded::new(seed, "secure"))
            .insecure_random(Seeded::new(seed, "insecure"))
            .insecure_random_seed(u128::from_le_bytes(Seeded::new(seed, "seed").block()));
    }
    builder.build()
}

/// A clock that does not move.
struct Standing(Duration);

impl HostWallClock for Standing {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

impl HostMonotonicClock for Standing {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// SHA-256 in counter mode. Not a library's generator, because those may change from one release to the next, and a replay
/// must give the same bytes as long as rows are kept.
struct Seeded {
    seed: u64,
    purpose: &'static str,
    counter: u64,
    left: Vec<u8>,
}

impl Seeded {
    fn new(seed: u64, purpose: &'static str) -> Seeded {
        Seeded { seed, purpose, counter: 0, left: Vec::new() }
    }

    fn block<const N: usize>(&mut self) -> [u8; N] {
        let mut block = [0; N];
        self.fill(&mut block);
        block
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.left.is_empty() {
                let digest = Sha256::new()
                    .chain_update(self.seed.to_le_bytes())
                    .chain_update(self.purpose)
                    .chain_update(self.counter.to_le_bytes())
                    .finalize();
                self.left.extend(digest.iter().rev());
                self.counter += 1;
            }
            *byte = self.left.pop().unwrap_or_default();
        }
    }
}

impl TryRng for Seeded {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::from_le_bytes(self.block()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from_le_bytes(self.block()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.fill(bytes);
        Ok(())
    }
}

/// A standard stream that ends in the plugin's log.
#[derive(Clone)]
struct Stream {
    log: Log,
    standard: Standard,
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl Pollable for Stream {
    fn ready<'life, 'future>(&'life mut self) -> Pin<Box<dyn Future<Output = ()> + Send + 'future>>
    where
        'life: 'future,
        Self: 'future,
    {
        Box::pin(std::future::ready(()))
    }
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.log.standard(self.standard, &bytes).map_err(|over| StreamError::Trap(over.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_in_whatever_portions() {
        let mut whole = Seeded::new(7, "secure");
        let mut parts = Seeded::new(7, "secure");
        let expected: [u8; 80] = whole.block();
        let mut got = [0; 80];
        let (left, right) = got.split_at_mut(33);
        parts.fill(left);
        parts.fill(right);
        assert_eq!(got, expected);
        assert_ne!(Seeded::new(8, "secure").block::<80>(), expected);
        assert_ne!(Seeded::new(7, "insecure").block::<80>(), expected);
    }

    #[test]
    fn the_bytes_of_a_seed_are_the_same_in_every_release() {
        assert_eq!(hex::encode(Seeded::new(1, "secure").block::<8>()), "2f2a4ed9771c75b0");
    }
}

//! What one call has used so far, and where it must stop.
//!
//! [`Meter`] is what the engine asks (memory, tables, computing time, host calls); [`Budget`] is what streams of bytes are
//! counted against, from several places at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;

use crate::call::CallFault;
use crate::limits::Limits;
use crate::stopwatch::Stopwatch;

/// A limit was reached: as an error it travels through the engine and ends the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Over(pub CallFault);

/// The engine's side of the account.
#[derive(Debug)]
pub(crate) struct Meter {
    memory_limit: u64,
    table_limit: u64,
    host_call_limit: u32,
    cpu_limit: Duration,
    deadline: Duration,
    /// Run by whoever polls the call.
    pub(crate) watch: Arc<Stopwatch>,
    memory: u64,
    tables: u64,
    pub(crate) host_calls: u32,
    /// The first limit that a growth ran into. The guest may live on without; if it traps, this is why.
    pub(crate) refused: Option<CallFault>,
}

impl Meter {
    /// For a call that is to be over before `deadline`.
    pub(crate) fn new(limits: &Limits, deadline: Duration) -> Meter {
        Meter {
            deadline,
            memory_limit: limits.memory_bytes,
            table_limit: u64::from(limits.table_elements),
            host_call_limit: limits.host_calls,
            cpu_limit: Duration::from_millis(u64::from(limits.cpu_ms)),
            watch: Arc::new(Stopwatch::new()),
            memory: 0,
            tables: 0,
            host_calls: 0,
            refused: None,
        }
    }

    /// One more call of an import, by a call that may still compute.
    pub(crate) fn host_call(&mut self) -> Result<(), Over> {
        self.tick()?;
        if self.host_calls >= self.host_call_limit {
            return Err(Over(CallFault::HostCalls));
        }
        self.host_calls += 1;
        Ok(())
    }

    /// Looks whether the call has computed, or lasted, for too long: at each tick of the clock, and before the host computes
    /// for it.
    pub(crate) fn tick(&self) -> Result<(), Over> {
        if self.watch.look() > self.cpu_limit {
            return Err(Over(CallFault::Cpu));
        }
        if self.watch.elapsed() > self.deadline { Err(Over(CallFault::Deadline)) } else { Ok(()) }
    }

    /// Memory never shrinks, so this is also the most there was.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let after = self.memory + desired.saturating_sub(current) as u64;
        if after > self.memory_limit {
            self.refused.get_or_insert(CallFault::Memory);
            return Ok(false);
        }
        self.memory = after;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let after = self.tables + desired.saturating_sub(current) as u64;
        if after > self.table_limit {
            self.refused.get_or_insert(CallFault::Tables);
            return Ok(false);
        }
        self.tables = after;
        Ok(true)
    }

    fn instances(&self) -> usize {
        100
    }

    fn tables(&self) -> usize {
        40
    }

    fn memories(&self) -> usize {
        8
    }
}

/// Bytes that one call may still move, and whether the outside world may have changed by it.
#[derive(Debug)]
pub struct Budget {
    egress_limit: u64,
    egress: AtomicU64,
    response_left: AtomicU64,
    blob_left: AtomicU64,
    buffer_left: AtomicU64,
    dispatched: AtomicBool,
    unanswered: AtomicU32,
    over: AtomicU8,
    /// Past it nothing may leave.
    until: Option<Instant>,
}

const NOT_OVER: u8 = 0;
const OVER_EGRESS: u8 = 1;
const OVER_RESPONSE: u8 = 2;
const OVER_MEMORY: u8 = 3;
const OVER_DEADLINE: u8 = 4;

/// Bytes that the host holds for a call; given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Held {
    /// Holds so many more.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Over> {
        self.budget.take_buffer(bytes)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.buffer_left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

impl Budget {
    /// Whole again for every call.
    pub fn new(limits: &Limits) -> Budget {
        Budget {
            egress_limit: limits.egress_bytes,
            egress: AtomicU64::new(0),
            response_left: AtomicU64::new(limits.response_bytes),
            blob_left: AtomicU64::new(limits.blob_bytes),
            buffer_left: AtomicU64::new(limits.memory_bytes),
            dispatched: AtomicBool::new(false),
            unanswered: AtomicU32::new(0),
            over: AtomicU8::new(NOT_OVER),
            until: None,
        }
    }

    /// As [`Budget::new`], for a call that is to be over after so long: a process that was stopped and goes on after that begins no
    /// request, because another may have taken over what the call was for.
    pub(crate) fn lasting(limits: &Limits, deadline: Duration) -> Budget {
        Budget { until: Instant::now().checked_add(deadline), ..Budget::new(limits) }
    }

    /// Whether a request may begin.
    ///
    /// # Errors
    /// The call's deadline has passed, and the call ends.
    pub(crate) fn in_time(&self) -> Result<(), Over> {
        if self.until.is_some_and(|until| Instant::now() > until) {
            self.over.store(OVER_DEADLINE, Ordering::Relaxed);
            return Err(Over(CallFault::Deadline));
        }
        Ok(())
    }

    /// Takes bytes that are about to leave.
    ///
    /// # Errors
    /// The call's egress is used up, or its deadline has passed; nothing may leave any more, and the call ends.
    pub fn take_egress(&self, bytes: u64) -> Result<(), Over> {
        self.in_time()?;
        let before = self.egress.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.egress_limit {
            self.over.store(OVER_EGRESS, Ordering::Relaxed);
            return Err(Over(CallFault::EgressBytes));
        }
        Ok(())
    }

    /// Takes bytes of an answer that are to enter the plugin's memory.
    ///
    /// # Errors
    /// The call was sent more than it may receive, and ends.
    pub fn take_response(&self, bytes: u64) -> Result<(), Over> {
        self.take(&self.response_left, bytes, OVER_RESPONSE)
    }

    /// Takes bytes of an answer that go into a blob.
    ///
    /// # Errors
    /// The call was sent more than it may receive, and ends.
    pub fn take_blob(&self, bytes: u64) -> Result<(), Over> {
        self.take(&self.blob_left, bytes, OVER_RESPONSE)
    }

    /// Holds bytes in the host's memory on the call's behalf: bodies, and what is parsed. They count against what the call's
    /// own memory may grow to, though not together with it.
    ///
    /// # Errors
    /// The call has more of them at once than it may, and ends.
    pub(crate) fn hold(self: &Arc<Self>, bytes: u64) -> Result<Held, Over> {
        self.take_buffer(bytes)?;
        Ok(Held { budget: self.clone(), bytes })
    }

    fn take_buffer(&self, bytes: u64) -> Result<(), Over> {
        self.take(&self.buffer_left, bytes, OVER_MEMORY)
    }

    fn take(&self, left: &AtomicU64, bytes: u64, over: u8) -> Result<(), Over> {
        let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.map(drop).map_err(|_| {
            self.over.store(over, Ordering::Relaxed);
            Over(if over == OVER_MEMORY { CallFault::Memory } else { CallFault::ResponseBytes })
        })
    }

    /// Whether a request that may change something at the provider may have left: see [`Departure`].
    pub fn dispatched(&self) -> bool {
        self.dispatched.load(Ordering::Relaxed)
    }

    /// Whether such a request left and its answer did not come, or did not come whole.
    pub fn unanswered(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) > 0
    }

    /// Bytes that left.
    pub fn egress(&self) -> u64 {
        self.egress.load(Ordering::Relaxed)
    }

    /// The limit that was reached, whoever noticed it.
    ///
    /// # Errors
    /// One was.
    pub fn check(&self) -> Result<(), Over> {
        match self.over.load(Ordering::Relaxed) {
            OVER_EGRESS => Err(Over(CallFault::EgressBytes)),
            OVER_RESPONSE => Err(Over(CallFault::ResponseBytes)),
            OVER_MEMORY => Err(Over(CallFault::Memory)),
            OVER_DEADLINE => Err(Over(CallFault::Deadline)),
            _ => Ok(()),
        }
    }
}

/// One request or mail that may change something at its receiver: from its first byte on it counts as unanswered, until its
/// answer is whole. Dropped before, it stays unanswered.
#[derive(Debug)]
pub struct Departure {
    budget: Arc<Budget>,
    left: AtomicBool,
}

impl Departure {
    /// A request that has not left yet.
    pub fn new(budget: Arc<Budget>) -> Departure {
        Departure { budget, left: AtomicBool::new(false) }
    }

    /// To be called before the first byte may leave.
    pub fn leaving(&self) {
        if !self.left.swap(true, Ordering::Relaxed) {
            self.budget.dispatched.store(true, Ordering::Relaxed);
            self.budget.unanswered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The answer is whole, or it is certain that the receiver got nothing.
    pub fn answered(&self) {
        if self.left.swap(false, Ordering::Relaxed) {
            self.budget.unanswered.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::TICK;

    fn small() -> Limits {
        Limits {
            memory_bytes: 200,
            table_elements: 10,
            egress_bytes: 10,
            response_bytes: 10,
            blob_bytes: 20,
            host_calls: 2,
            cpu_ms: 20,
            ..Limits::default()
        }
    }

    #[test]
    fn all_memories_count_together() {
        let mut meter = Meter::new(&small(), Duration::from_secs(60));
        assert!(meter.memory_growing(0, 100, None).expect("answers"));
        assert!(meter.memory_growing(0, 100, None).expect("answers"));
        assert!(!meter.memory_growing(100, 101, None).expect("answers"));
        assert_eq!(meter.refused, Some(CallFault::Memory));
        assert_eq!(meter.memory_bytes(), 200);
    }

    #[test]
    fn all_tables_count_together() {
        let mut meter = Meter::new(&small(), Duration::from_secs(60));
        assert!(meter.table_growing(0, 6, None).expect("answers"));
        assert!(!meter.table_growing(0, 5, None).expect("answers"));
        assert_eq!(meter.refused, Some(CallFault::Tables));
    }

    #[tokio::test]
    async fn a_tick_ends_the_call_that_computed_too_long() {
        let meter = Meter::new(&small(), Duration::from_secs(60));
        let watch = meter.watch.clone();
        let ticks = watch.time(async {
            tokio::time::sleep(TICK * 10).await;
            let before = meter.tick();
            meter.watch.add(TICK * 3);
            (before, meter.tick())
        });
        assert_eq!(ticks.await, (Ok(()), Err(Over(CallFault::Cpu))));
    }

    #[tokio::test]
    async fn a_call_whose_deadline_passed_while_the_host_computed_asks_for_nothing_more() {
        let mut meter = Meter::new(&small(), TICK);
        assert_eq!(meter.host_call(), Ok(()));
        std::thread::sleep(TICK * 2);
        assert_eq!(meter.host_call(), Err(Over(CallFault::Deadline)));
    }

    #[test]
    fn what_the_host_holds_for_a_call_counts_until_it_is_let_go() {
        let budget = Arc::new(Budget::new(&small()));
        let mut held = budget.hold(150).expect("fits");
        assert_eq!(held.grow(50), Ok(()));
        drop(held);
        let _held = budget.hold(200).expect("fits again");
        assert_eq!(budget.check(), Ok(()));
        assert_eq!(budget.hold(1).map(drop), Err(Over(CallFault::Memory)));
        assert_eq!(budget.check(), Err(Over(CallFault::Memory)));
    }

    #[test]
    fn a_budget_remembers_which_limit_it_was() {
        let budget = Budget::new(&small());
        assert_eq!(budget.take_response(10), Ok(()));
        assert_eq!(budget.take_blob(20), Ok(()));
        assert_eq!(budget.take_egress(10), Ok(()));
        assert_eq!(budget.check(), Ok(()));
        assert_eq!(budget.take_response(1), Err(Over(CallFault::ResponseBytes)));
        assert_eq!(budget.check(), Err(Over(CallFault::ResponseBytes)));
        assert_eq!(budget.take_egress(1), Err(Over(CallFault::EgressBytes)));
        assert_eq!(budget.check(), Err(Over(CallFault::EgressBytes)));
    }

    #[test]
    fn past_the_deadline_nothing_leaves() {
        let budget = Budget::lasting(&small(), Duration::ZERO);
        std::thread::sleep(TICK);
        assert_eq!(budget.take_egress(0), Err(Over(CallFault::Deadline)));
        assert_eq!(budget.check(), Err(Over(CallFault::Deadline)));
        assert_eq!((budget.egress(), budget.dispatched()), (0, false));
    }

    #[test]
    fn a_request_is_unanswered_from_its_first_byte_until_its_answer_is_whole() {
        let budget = Arc::new(Budget::new(&small()));
        let (first, second) = (Departure::new(budget.clone()), Departure::new(budget.clone()));
        first.answered();
        assert!(!budget.dispatched() && !budget.unanswered());
        first.leaving();
        first.leaving();
        second.leaving();
        first.answered();
        first.answered();
        assert!(budget.dispatched() && budget.unanswered(), "the second has no answer");
        second.answered();
        assert!(budget.dispatched() && !budget.unanswered());
    }

    #[test]
    fn host_calls_end_at_the_limit() {
        let mut meter = Meter::new(&small(), Duration::from_secs(60));
        assert_eq!(meter.host_call(), Ok(()));
        assert_eq!(meter.host_call(), Ok(()));
        assert_eq!(meter.host_call(), Err(Over(CallFault::HostCalls)));
    }
}

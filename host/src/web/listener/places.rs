//! The places of a listener: which connections are open, what each is doing, and which one ends where a new one needs its place.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::bounds::Bounds;
use crate::auth::rate::Limiter;
use crate::model::client_key::ClientKey;

/// How long a new connection may wait for its request's head before it counts as less worth than an idle one, in milliseconds.
const YOUNG: u64 = 1000;
/// For how long no place is looked for after every connection was found busy, in milliseconds.
const BARREN: u64 = 50;
/// Connections that were ended and are not closed yet, beyond which no other is accepted for a moment.
pub(super) const CLOSING: usize = 64;

/// Milliseconds since the process's first connection, never 0.
fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

/// What one connection is doing.
pub(super) struct Connection {
    id: u64,
    client: Option<ClientKey>,
    /// When it was accepted, or its last answer was complete.
    since: AtomicU64,
    /// Requests without a complete answer.
    busy: AtomicUsize,
    /// Whether a request came at all.
    served: AtomicBool,
    http2: AtomicBool,
    /// When the first byte after `since` came; 0: none.
    head_since: AtomicU64,
    /// Answers that the client is reading, and when one of them last went on.
    responding: AtomicUsize,
    progress: AtomicU64,
    /// Since when the socket takes no more bytes; 0: it does.
    blocked_since: AtomicU64,
    /// Requests that the client aborted since `resets_since`.
    resets: AtomicU32,
    resets_since: AtomicU64,
    most_resets: u32,
    end: Notify,
    /// The server stops: what is under way ends, and nothing after it.
    stopping: AtomicBool,
}

impl Connection {
    fn new(id: u64, client: Option<ClientKey>, most_resets: u32) -> Connection {
        Connection {
            id,
            client,
            since: AtomicU64::new(now()),
            busy: AtomicUsize::new(0),
            served: AtomicBool::new(false),
            http2: AtomicBool::new(false),
            head_since: AtomicU64::new(0),
            responding: AtomicUsize::new(0),
            progress: AtomicU64::new(0),
            blocked_since: AtomicU64::new(0),
            resets: AtomicU32::new(0),
            resets_since: AtomicU64::new(0),
            most_resets,
            end: Notify::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Whether the client aborted more requests than it may.
    pub fn is_past_resets(&self) -> bool {
        self.resets.load(Ordering::Relaxed) > self.most_resets
    }

    /// Waits until another connection needs the place, the client aborted too many requests, or the server stops.
    pub async fn ended(&self) {
        self.end.notified().await;
    }

    /// Whether no request is open.
    pub fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Acquire) == 0
    }

    /// Whether the server stops: a request whose head is on its way is answered then.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Notes that a request's head is there.
    pub fn begin(self: &Arc<Self>, http2: bool, head: bool) -> Busy {
        self.busy.fetch_add(1, Ordering::AcqRel);
        self.served.store(true, Ordering::Release);
        self.http2.store(http2, Ordering::Relaxed);
        Busy { connection: Arc::clone(self), responding: false, complete: head, counted: None }
    }

    /// Notes that bytes came.
    pub fn read(&self) {
        if self.is_idle() && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since.store(now(), Ordering::Relaxed);
        }
    }

    /// Notes whether the socket took bytes.
    pub fn wrote(&self, taken: bool) {
        let blocked = self.blocked_since.load(Ordering::Relaxed);
        match (taken, blocked) {
            (true, 0) | (false, 1..) => {}
            (true, _) => self.blocked_since.store(0, Ordering::Relaxed),
            (false, _) => self.blocked_since.store(now(), Ordering::Relaxed),
        }
    }

    /// Why the connection has to end now, if it has to.
    pub fn overdue(&self, bounds: &Bounds) -> Option<&'static str> {
        let now = now();
        let over = |since: u64, most: Duration| since > 0 && u128::from(now.saturating_sub(since)) > most.as_millis();
        if over(self.blocked_since.load(Ordering::Relaxed), bounds.stalled) {
            return Some("stalled");
        }
        let http2 = self.http2.load(Ordering::Relaxed);
        if !self.is_idle() {
            // An HTTP/2 client also stops an answer by giving it no window, while the socket takes bytes.
            let reading = http2 && self.responding.load(Ordering::Relaxed) > 0;
            return (reading && over(self.progress.load(Ordering::Relaxed), bounds.stalled)).then_some("stalled");
        }
        let since = self.since.load(Ordering::Relaxed);
        if !self.served.load(Ordering::Acquire) {
            return over(since, bounds.head).then_some("head");
        }
        if !http2 && over(self.head_since.load(Ordering::Relaxed), bounds.head) {
            return Some("head");
        }
        over(since, bounds.idle).then_some("idle")
    }

    /// How little is lost when this connection ends; none where a request is open. Less is sooner.
    fn worth(&self) -> Option<(u8, u64)> {
        if !self.is_idle() {
            return None;
        }
        let since = self.since.load(Ordering::Relaxed);
        let class = match self.served.load(Ordering::Acquire) {
            // A client that was accepted a moment ago is about to send its request: connections that are kept open without one
            // must not push it out.
            false if now().saturating_sub(since) < YOUNG => 2,
            false => 0,
            true => 1,
        };
        Some((class, since))
    }

    /// Counts a request that the client aborted.
    fn aborted(&self) {
        if !self.http2.load(Ordering::Relaxed) {
            return;
        }
        let now = now();
        let since = self.resets_since.load(Ordering::Relaxed);
        if now.saturating_sub(since) > 60_000 {
            self.resets_since.store(now, Ordering::Relaxed);
            self.resets.store(0, Ordering::Relaxed);
        }
        if self.resets.fetch_add(1, Ordering::Relaxed) == self.most_resets {
            self.end.notify_one();
        }
    }
}

/// A request that is open on a connection.
pub(super) struct Busy {
    connection: Arc<Connection>,
    responding: bool,
    complete: bool,
    counted: Option<Counted>,
}

impl Busy {
    /// Keeps the count of the client's requests with this one.
    pub fn hold(&mut self, counted: Counted) {
        self.counted = Some(counted);
    }

    /// Notes that the answer begins.
    pub fn responds(&mut self) {
        if !self.responding {
            self.responding = true;
            self.connection.progress.store(now(), Ordering::Relaxed);
            self.connection.responding.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes that the client reads the answer.
    pub fn progressed(&self) {
        self.connection.progress.store(now(), Ordering::Relaxed);
    }

    /// Notes that the answer went out whole.
    pub fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let connection = &self.connection;
        if self.responding {
            connection.responding.fetch_sub(1, Ordering::Relaxed);
        }
        if !self.complete {
            connection.aborted();
        }
        connection.since.store(now(), Ordering::Relaxed);
        connection.head_since.store(0, Ordering::Relaxed);
        connection.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What an open connection's place counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Reserved,
    /// It was ended, and its task has not run yet.
    Closing,
}

#[derive(Default)]
struct Inner {
    open: HashMap<u64, (Arc<Connection>, Kind)>,
    of_one: HashMap<ClientKey, Vec<Arc<Connection>>>,
    next: u64,
    normal: usize,
    reserved: usize,
    /// Idle connections in the order in which they end, with what each was worth when it was looked at.
    victims: VecDeque<(Arc<Connection>, (u8, u64))>,
    barren_until: u64,
}

/// The places of a listener. Cheap to clone.
#[derive(Clone)]
pub(super) struct Places(Arc<Shared>);

struct Shared {
    inner: Mutex<Inner>,
    requests: Mutex<HashMap<ClientKey, usize>>,
    /// Connections that were closed because their client misused them.
    misuses: Limiter<ClientKey>,
    closed: Notify,
    connections: usize,
    reserved: usize,
    per_address: usize,
    most_resets: u32,
}

/// What becomes of a new connection.
pub(super) enum Entered {
    /// It has a place.
    Place(Place),
    /// All connections of its address are busy.
    Crowded,
    /// Its address misused too many connections; how long to wait.
    Barred(Duration),
    /// All connections are busy, and so is the reserve.
    Full,
}

/// The place of an open connection; free again when dropped.
pub(super) struct Place {
    places: Places,
    connection: Arc<Connection>,
    reserved: bool,
}

impl Place {
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Whether it lies in the reserve for health and sign-in.
    pub fn is_reserved(&self) -> bool {
        self.reserved
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.leave(&self.connection);
    }
}

/// A request that counts for its client; no more when dropped.
pub(super) struct Counted {
    places: Places,
    client: ClientKey,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut requests = self.places.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = requests.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                requests.remove(&self.client);
            }
        }
    }
}

impl Places {
    pub fn new(bounds: &Bounds) -> Places {
        Places(Arc::new(Shared {
            inner: Mutex::default(),
            requests: Mutex::default(),
            misuses: Limiter::per_minute(bounds.http2_misuses, bounds.clients),
            closed: Notify::new(),
            connections: bounds.connections,
            reserved: bounds.reserved,
            per_address: bounds.per_address,
            most_resets: bounds.http2_resets,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a new connection a place, if need be that of an idle one.
    pub fn enter(&self, client: Option<ClientKey>) -> Entered {
        if let Some(Err(wait)) = client.map(|client| self.0.misuses.allows(&client)) {
            return Entered::Barred(wait);
        }
        let mut inner = self.lock();
        if let Some(of_one) = client.and_then(|client| inner.of_one.get(&client))
            && of_one.len() >= self.0.per_address
        {
            let Some(oldest) = least(of_one.iter()) else { return Entered::Crowded };
            inner.end(&oldest, "address");
        }
        if inner.normal >= self.0.connections
            && let Some(victim) = inner.pick()
        {
            inner.end(&victim, "total");
        }
        let kind = match () {
            () if inner.normal < self.0.connections => Kind::Normal,
            () if inner.reserved < self.0.reserved => Kind::Reserved,
            () => return Entered::Full,
        };
        *inner.count(kind) += 1;
        inner.next += 1;
        let connection = Arc::new(Connection::new(inner.next, client, self.0.most_resets));
        inner.open.insert(connection.id, (Arc::clone(&connection), kind));
        if let Some(client) = client {
            inner.of_one.entry(client).or_default().push(Arc::clone(&connection));
        }
        inner.show();
        Entered::Place(Place { places: self.clone(), connection, reserved: kind == Kind::Reserved })
    }

    /// Counts a connection that is closed because its client misused it.
    pub fn misused(&self, connection: &Connection, reason: &'static str) {
        metrics::counter!("sambung_connections_closed_total", "reason" => reason).increment(1);
        if let Some(client) = connection.client {
            // Past the limit the client is barred already.
            let _ = self.0.misuses.check(&client);
        }
    }

    fn leave(&self, connection: &Arc<Connection>) {
        let mut inner = self.lock();
        if let Some((_, kind)) = inner.open.remove(&connection.id) {
            if kind != Kind::Closing {
                *inner.count(kind) -= 1;
                inner.forget(connection);
            }
            inner.show();
        }
        drop(inner);
        self.0.closed.notify_one();
    }

    /// Ends up to so many idle connections, because the system has no more files; how many there were.
    pub fn relieve(&self, connections: usize) -> usize {
        let mut inner = self.lock();
        let mut ended = 0;
        while ended < connections
            && let Some(victim) = inner.pick()
        {
            inner.end(&victim, "system");
            ended += 1;
        }
        ended
    }

    /// Has all connections end once what is under way on them is answered.
    pub fn stop(&self) {
        for (connection, _) in self.lock().open.values() {
            connection.stopping.store(true, Ordering::Release);
            connection.end.notify_one();
        }
    }

    /// Waits until no more than `left` connections that were ended are open, at most for `most`.
    pub async fn closed(&self, left: usize, most: Duration) {
        let closing = || {
            let inner = self.lock();
            inner.open.len() - inner.normal - inner.reserved
        };
        let wait = async {
            while closing() > left {
                self.0.closed.notified().await;
            }
        };
        let _ = tokio::time::timeout(most, wait).await;
    }

    /// Counts a request of a client; none where it has as many open as it may.
    pub fn request(&self, client: ClientKey) -> Option<Counted> {
        let mut requests = self.0.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let count = requests.entry(client).or_default();
        if *count >= self.0.per_address {
            return None;
        }
        *count += 1;
        Some(Counted { places: self.clone(), client })
    }
}

impl Inner {
    fn count(&mut self, kind: Kind) -> &mut usize {
        if kind == Kind::Reserved { &mut self.reserved } else { &mut self.normal }
    }

    fn show(&self) {
        metrics::gauge!("sambung_connections").set(self.open.len() as f64);
    }

    /// Takes a connection out of its client's.
    fn forget(&mut self, connection: &Connection) {
        let Some(client) = connection.client else { return };
        if let Some(of_one) = self.of_one.get_mut(&client) {
            of_one.retain(|other| other.id != connection.id);
            if of_one.is_empty() {
                self.of_one.remove(&client);
            }
        }
    }

    /// Ends a connection; its place is free from now on.
    fn end(&mut self, connection: &Arc<Connection>, reason: &'static str) {
        let Some((_, kind)) = self.open.get_mut(&connection.id) else { return };
        let kind = std::mem::replace(kind, Kind::Closing);
        *self.count(kind) -= 1;
        self.forget(connection);
        metrics::counter!("sambung_connections_closed_total", "reason" => reason).increment(1);
        connection.end.notify_one();
    }

    /// The connection with the least to lose; none where all are busy.
    fn pick(&mut self) -> Option<Arc<Connection>> {
        for _ in 0..2 {
            while let Some((victim, worth)) = self.victims.pop_front() {
                let open = self.open.get(&victim.id).is_some_and(|(_, kind)| *kind != Kind::Closing);
                if open && victim.worth() == Some(worth) {
                    return Some(victim);
                }
            }
            if now() < self.barren_until {
                break;
            }
            self.look();
        }
        // The reserve is small: it is looked through each time.
        let reserved = self.open.values().filter(|(_, kind)| *kind == Kind::Reserved).map(|(one, _)| one);
        if self.reserved > 0 { least(reserved) } else { None }
    }

    /// Looks through all connections for those that end first, a sixteenth of them at a time, so that a flood of connections does
    /// not have all of them looked through for each.
    fn look(&mut self) {
        let open = self.open.values().filter(|(_, kind)| *kind != Kind::Closing);
        let mut idle: Vec<_> = open.filter_map(|(one, _)| Some((Arc::clone(one), one.worth()?))).collect();
        if idle.is_empty() {
            self.barren_until = now() + BARREN;
        }
        idle.sort_unstable_by_key(|(_, worth)| *worth);
        idle.truncate((self.open.len() / 16).max(16));
        self.victims = idle.into();
    }
}

/// Of these the one with the least to lose.
fn least<'c>(connections: impl Iterator<Item = &'c Arc<Connection>>) -> Option<Arc<Connection>> {
    let idle = connections.filter_map(|one| Some((one.worth()?, one)));
    idle.min_by_key(|(worth, _)| *worth).map(|(_, one)| Arc::clone(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(connections: usize, per_address: usize, reserved: usize) -> Places {
        let config = crate::config::Config::default().server;
        let bounds = Bounds { connections, per_address, reserved, ..Bounds::new(&config, 1 << 20) };
        Places::new(&bounds)
    }

    fn client(last: u8) -> Option<ClientKey> {
        Some(ClientKey::of([192, 0, 2, last].into()))
    }

    fn place(entered: Entered) -> Place {
        match entered {
            Entered::Place(place) => place,
            Entered::Crowded => panic!("the address has no more places"),
            Entered::Barred(wait) => panic!("the address is barred for {wait:?}"),
            Entered::Full => panic!("there is no place"),
        }
    }

    /// Whether the connection was told to end.
    fn is_ended(place: &Place) -> bool {
        futures_util::FutureExt::now_or_never(place.connection().ended()).is_some()
    }

    #[test]
    fn a_new_connection_of_a_crowded_address_takes_the_place_of_that_addresss_oldest() {
        let places = places(100, 2, 0);
        let other = place(places.enter(client(2)));
        let first = place(places.enter(client(1)));
        std::thread::sleep(Duration::from_millis(3));
        let second = place(places.enter(client(1)));
        let _third = place(places.enter(client(1)));
        assert!(is_ended(&first) && !is_ended(&second) && !is_ended(&other));
        let (_busy, _more) = (second.connection().begin(false, false), _third.connection().begin(false, false));
        assert!(matches!(places.enter(client(1)), Entered::Crowded));
        place(places.enter(client(3)));
    }

    #[test]
    fn where_all_is_taken_one_without_a_request_ends_and_where_all_are_busy_the_reserve_is_used() {
        let places = places(2, 100, 1);
        let (first, second) = (place(places.enter(client(1))), place(places.enter(client(2))));
        let busy = first.connection().begin(false, false);
        let third = place(places.enter(client(3)));
        assert!(is_ended(&second) && !is_ended(&first) && !third.is_reserved());
        let more = third.connection().begin(false, false);
        let reserved = place(places.enter(client(4)));
        assert!(reserved.is_reserved());
        let again = place(places.enter(client(5)));
        assert!(is_ended(&reserved) && again.is_reserved(), "the reserve has its oldest end as well");
        let _last = again.connection().begin(false, false);
        assert!(matches!(places.enter(client(6)), Entered::Full));
        drop((busy, more));
        std::thread::sleep(Duration::from_millis(BARREN + 20));
        assert!(!place(places.enter(client(7))).is_reserved());
        drop((first, second, third, reserved, again));
        assert!(places.lock().open.len() <= 1 && places.lock().of_one.len() <= 1);
    }

    #[test]
    fn requests_of_one_client_are_counted_and_given_back() {
        let places = places(100, 2, 0);
        let one = ClientKey::of([192, 0, 2, 1].into());
        let held = (places.request(one), places.request(one));
        assert!(held.0.is_some() && held.1.is_some() && places.request(one).is_none());
        assert!(places.request(ClientKey::of([192, 0, 2, 2].into())).is_some());
        drop(held);
        assert!(places.request(one).is_some());
        assert!(places.0.requests.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
    }
}

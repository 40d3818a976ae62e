//! Places of one pool that several workspaces share, handed out so that no workspace takes what the others need.
//!
//! A workspace gets another place only while it holds fewer places than are free, so its bound shrinks as the pool fills: alone it
//! takes half of the pool, two take a third each, and a workspace that holds none gets the last free place. Inside a workspace the
//! same rule holds between its members (endpoints, channels, tokens): a member gets another place only while it holds fewer than
//! its workspace may still take. Those who wait are served in turn, workspace by workspace.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// Requests that may wait for each place of a pool, where nothing else is said; more are refused at once.
const WAITING_PER_PLACE: usize = 4;

/// By name. Every call of a plugin looks names up in several pools, for which the standard library's hash takes too long.
type Map<T> = HashMap<Arc<str>, T, foldhash::fast::RandomState>;

/// A pool of places. Cheap to clone.
#[derive(Clone)]
pub struct Shares(Arc<Inner>);

struct Inner {
    total: usize,
    each_member: usize,
    most_waiting: usize,
    state: Mutex<State>,
    taken: metrics::Gauge,
    refused: metrics::Counter,
}

#[derive(Default)]
struct State {
    held: usize,
    groups: Map<Group>,
    queued: usize,
    queues: Map<VecDeque<Waiter>>,
    /// Workspaces with a queue, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    last_waiter: u64,
}

/// What one workspace holds.
struct Group {
    name: Arc<str>,
    held: usize,
    members: Map<Member>,
}

/// What one member of it holds.
struct Member {
    name: Arc<str>,
    held: usize,
}

impl Group {
    /// Notes a member that held nothing before.
    fn enter(&mut self, member: &str, held: usize) -> Arc<str> {
        let name: Arc<str> = member.into();
        self.members.insert(Arc::clone(&name), Member { name: Arc::clone(&name), held });
        name
    }
}

struct Waiter {
    id: u64,
    member: Arc<str>,
    tell: oneshot::Sender<Place>,
}

/// A place, or several, that was taken; dropping it gives them back.
pub struct Place {
    shares: Shares,
    workspace: Arc<str>,
    member: Arc<str>,
    places: usize,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Place({}/{})", self.workspace, self.member)
    }
}

impl Shares {
    /// A pool of `total` places, at least one. Its metrics carry `pool` as a label.
    pub fn new(pool: &'static str, total: usize) -> Shares {
        Shares::with(pool, total, usize::MAX, total.max(1) * WAITING_PER_PLACE)
    }

    /// As [`Shares::new`]; a member never holds more than `each_member` places, however many are free.
    pub fn limited(pool: &'static str, total: usize, each_member: usize) -> Shares {
        Shares::with(pool, total, each_member, total.max(1) * WAITING_PER_PLACE)
    }

    /// As [`Shares::new`]; so many may wait.
    pub fn queued(pool: &'static str, total: usize, most_waiting: usize) -> Shares {
        Shares::with(pool, total, usize::MAX, most_waiting)
    }

    fn with(pool: &'static str, total: usize, each_member: usize, most_waiting: usize) -> Shares {
        metrics::gauge!("sambung_pool_places", "pool" => pool).set(total.max(1) as f64);
        Shares(Arc::new(Inner {
            total: total.max(1),
            each_member: each_member.max(1),
            most_waiting,
            state: Mutex::default(),
            taken: metrics::gauge!("sambung_pool_taken", "pool" => pool),
            refused: metrics::counter!("sambung_pool_refused_total", "pool" => pool),
        }))
    }

    /// How many places there are.
    pub fn total(&self) -> usize {
        self.0.total
    }

    /// Takes a place for a member of a workspace, or none where its share or the pool is used up.
    pub fn try_take(&self, workspace: &str, member: &str) -> Option<Place> {
        self.try_take_several(workspace, member, 1)
    }

    /// Takes several places at once, at least one, for what weighs more than other things: all of them, or none.
    pub fn try_take_several(&self, workspace: &str, member: &str, places: usize) -> Option<Place> {
        let places = places.max(1);
        let keys = self.0.take_in(&mut self.state(), workspace, member, places);
        self.counted(keys.map(|keys| self.place(keys, places)))
    }

    /// Takes a place, and waits for it no longer than `patience`. None where it did not come, or where too many wait already.
    pub async fn take(&self, workspace: &str, member: &str, patience: Duration) -> Option<Place> {
        let place = match self.begin(workspace, member) {
            Begun::Waits(mut waiting) => match tokio::time::timeout(patience, &mut waiting.told).await {
                Ok(told) => told.ok(),
                Err(_) => None,
            },
            Begun::Taken(place) => Some(place),
            Begun::Full => None,
        };
        self.counted(place)
    }

    /// As [`Shares::take`], however long it takes.
    pub async fn wait(&self, workspace: &str, member: &str) -> Option<Place> {
        let place = match self.begin(workspace, member) {
            Begun::Waits(mut waiting) => (&mut waiting.told).await.ok(),
            Begun::Taken(place) => Some(place),
            Begun::Full => None,
        };
        self.counted(place)
    }

    fn counted(&self, place: Option<Place>) -> Option<Place> {
        if place.is_none() {
            self.0.refused.increment(1);
        }
        place
    }

    /// How many more places this member could take now.
    pub fn room(&self, workspace: &str, member: &str) -> usize {
        let state = self.state();
        let (group, held) = state.holds(workspace, member);
        let free = self.0.total - state.held;
        // Each place taken leaves one less free and adds one to what the workspace and the member hold: see `may_take`.
        let left =
            (free.checked_sub(group + 1), free.checked_sub(group + held + 1), self.0.each_member.checked_sub(held + 1));
        let (Some(group), Some(member), Some(each)) = left else { return 0 };
        (group / 2).min(member / 3).min(each) + 1
    }

    /// How many places a workspace, and a member of it, hold: who holds fewest comes first.
    pub fn load(&self, workspace: &str, member: &str) -> (usize, usize) {
        self.state().holds(workspace, member)
    }

    fn begin(&self, workspace: &str, member: &str) -> Begun {
        let mut state = self.state();
        // Every release serves those who wait, so whoever still waits could not take what is free now.
        if let Some(keys) = self.0.take_in(&mut state, workspace, member, 1) {
            drop(state);
            return Begun::Taken(self.place(keys, 1));
        }
        let waiting = state.queues.get(workspace).map_or(0, VecDeque::len);
        let left = self.0.most_waiting.saturating_sub(state.queued);
        if waiting >= left {
            return Begun::Full;
        }
        let workspace: Arc<str> = workspace.into();
        let (tell, told) = oneshot::channel();
        state.last_waiter += 1;
        let id = state.last_waiter;
        state.queued += 1;
        if waiting == 0 {
            state.turns.push_back(Arc::clone(&workspace));
        }
        let waiter = Waiter { id, member: member.into(), tell };
        state.queues.entry(Arc::clone(&workspace)).or_default().push_back(waiter);
        drop(state);
        Begun::Waits(Waiting { shares: self.clone(), workspace, id, told })
    }

    fn place(&self, (workspace, member): (Arc<str>, Arc<str>), places: usize) -> Place {
        Place { shares: self.clone(), workspace, member, places }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves those who wait, workspace by workspace, while some of them may take a place.
    fn hand_out(&self) {
        let mut given = Vec::new();
        let mut state = self.state();
        let mut in_vain = 0;
        while in_vain < state.turns.len() {
            let Some(workspace) = state.turns.pop_front() else { break };
            match self.0.serve(&mut state, &workspace) {
                Some((member, tell)) => {
                    in_vain = 0;
                    given.push((self.place((Arc::clone(&workspace), member), 1), tell));
                }
                None => in_vain += 1,
            }
            if state.queues.contains_key(&workspace) {
                state.turns.push_back(workspace);
            }
        }
        drop(state);
        for (place, tell) in given {
            // A waiter that left gives its place back by dropping it here.
            drop(tell.send(place));
        }
    }
}

impl Inner {
    /// The rule of the module, for the last of so many places.
    fn may_take(&self, free: usize, group: usize, held: usize, places: usize) -> bool {
        let before = places - 1;
        let (free, group, held) = (free.saturating_sub(before), group + before, held + before);
        group < free && held < free - group && held < self.each_member
    }

    fn take_in(&self, state: &mut State, workspace: &str, member: &str, places: usize) -> Option<(Arc<str>, Arc<str>)> {
        let free = self.total - state.held;
        let keys = match state.groups.get_mut(workspace) {
            Some(group) => {
                let known = group.members.get_mut(member);
                if !self.may_take(free, group.held, known.as_ref().map_or(0, |known| known.held), places) {
                    return None;
                }
                group.held += places;
                let member = match known {
                    Some(known) => {
                        known.held += places;
                        Arc::clone(&known.name)
                    }
                    None => group.enter(member, places),
                };
                (Arc::clone(&group.name), member)
            }
            None => {
                if !self.may_take(free, 0, 0, places) {
                    return None;
                }
                let name: Arc<str> = workspace.into();
                let mut group = Group { name: Arc::clone(&name), held: places, members: Map::default() };
                let member = group.enter(member, places);
                state.groups.insert(Arc::clone(&name), group);
                (name, member)
            }
        };
        state.held += places;
        self.taken.set(state.held as f64);
        Some(keys)
    }

    /// Takes a place for the first of a workspace's waiters whose member may have one.
    fn serve(&self, state: &mut State, workspace: &Arc<str>) -> Option<(Arc<str>, oneshot::Sender<Place>)> {
        let free = self.total - state.held;
        let queue = state.queues.get(workspace)?;
        let may = |waiter: &Waiter| {
            let (group, held) = state.holds(workspace, &waiter.member);
            self.may_take(free, group, held, 1)
        };
        let at = queue.iter().position(may)?;
        let waiter = state.forget(workspace, |waiters| waiters.remove(at))?;
        self.take_in(state, workspace, &waiter.member, 1)?;
        Some((waiter.member, waiter.tell))
    }
}

impl State {
    fn holds(&self, workspace: &str, member: &str) -> (usize, usize) {
        self.groups
            .get(workspace)
            .map_or((0, 0), |group| (group.held, group.members.get(member).map_or(0, |member| member.held)))
    }

    fn forget(
        &mut self,
        workspace: &Arc<str>,
        which: impl FnOnce(&mut VecDeque<Waiter>) -> Option<Waiter>,
    ) -> Option<Waiter> {
        let queue = self.queues.get_mut(workspace)?;
        let waiter = which(queue)?;
        self.queued -= 1;
        if queue.is_empty() {
            self.queues.remove(workspace);
        }
        Some(waiter)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shares.state();
        state.held -= self.places;
        self.shares.0.taken.set(state.held as f64);
        if let Some(group) = state.groups.get_mut(&self.workspace) {
            group.held -= self.places;
            if group.held == 0 {
                state.groups.remove(&self.workspace);
            } else if let Some(member) = group.members.get_mut(&self.member) {
                member.held -= self.places;
                if member.held == 0 {
                    group.members.remove(&self.member);
                }
            }
        }
        let waits = state.queued > 0;
        drop(state);
        if waits {
            self.shares.hand_out();
        }
    }
}

enum Begun {
    Taken(Place),
    Waits(Waiting),
    Full,
}

/// One request in the queue; it leaves the queue also when its caller gives up.
struct Waiting {
    shares: Shares,
    workspace: Arc<str>,
    id: u64,
    told: oneshot::Receiver<Place>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.shares.state();
        let id = self.id;
        let gone = state.forget(&self.workspace, |waiters| {
            let at = waiters.iter().position(|waiter| waiter.id == id)?;
            waiters.remove(at)
        });
        if gone.is_some() && !state.queues.contains_key(&self.workspace) {
            state.turns.retain(|workspace| *workspace != self.workspace);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    fn fill(shares: &Shares, workspace: &str, members: usize) -> Vec<Place> {
        let mut places = Vec::new();
        for turn in 0.. {
            let before = places.len();
            for member in 0..members {
                places.extend(shares.try_take(workspace, &format!("m{member}")));
            }
            if places.len() == before || turn > 10_000 {
                return places;
            }
        }
        places
    }

    #[test]
    fn one_workspace_leaves_half_of_the_pool_and_a_newcomer_always_gets_a_place() {
        let shares = Shares::new("test", 32);
        let first = fill(&shares, "a", 12);
        assert_eq!(first.len(), 16);
        let second = fill(&shares, "b", 12);
        assert_eq!(second.len(), 8);
        assert!(shares.try_take("c", "m").is_some());
        drop(first);
        assert_eq!(fill(&shares, "d", 1).len(), 8, "one member leaves room for others of its workspace");
    }

    #[test]
    fn one_member_leaves_room_for_the_others_of_its_workspace() {
        let shares = Shares::limited("test", 30, 7);
        let hog = fill(&shares, "a", 1);
        assert_eq!(hog.len(), 7, "the bound of a member");
        assert!(shares.try_take("a", "other").is_some());
        let shares = Shares::new("test", 30);
        let hog = fill(&shares, "a", 1);
        assert_eq!((hog.len(), shares.room("a", "m0")), (10, 0));
        assert!(shares.room("a", "other") > 0);
    }

    #[test]
    fn several_places_are_taken_and_given_back_together_within_the_same_share() {
        let shares = Shares::new("test", 30);
        let heavy = shares.try_take_several("a", "m", 8).expect("nothing else is taken");
        assert!(shares.try_take_several("a", "m", 3).is_none(), "a member alone takes a third of the pool");
        let light = shares.try_take_several("a", "m", 2).expect("ten are a third");
        assert_eq!(shares.state().held, 10);
        drop(heavy);
        assert_eq!(shares.state().held, 2);
        assert_eq!(shares.room("a", "m"), 8);
        assert!(shares.try_take_several("b", "m", 31).is_none());
        drop(light);
        assert!(shares.state().groups.is_empty());
    }

    #[test]
    fn a_pool_of_one_place_serves_each_in_turn() {
        let shares = Shares::new("test", 1);
        let place = shares.try_take("a", "m").expect("it is free");
        assert!(shares.try_take("b", "m").is_none());
        drop(place);
        assert!(shares.try_take("b", "m").is_some());
    }

    #[tokio::test]
    async fn those_who_wait_are_served_workspace_by_workspace() {
        let shares = Shares::new("test", 2);
        let (first, second) = (shares.try_take("x", "m").expect("free"), shares.try_take("y", "m").expect("free"));
        let long = Duration::from_secs(60);
        let mut many: Vec<_> = (0..3).map(|_| Box::pin(shares.take("a", "m", long))).collect();
        for waiting in &mut many {
            assert!(waiting.now_or_never().is_none());
        }
        let mut late = Box::pin(shares.take("b", "m", long));
        assert!((&mut late).now_or_never().is_none());
        drop((first, second));
        // Of the two places each workspace got one, though three of the other came before.
        assert!((&mut late).now_or_never().flatten().is_some());
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_leaves_nothing_behind() {
        let shares = Shares::new("test", 1);
        let place = shares.try_take("a", "m").expect("free");
        assert!(shares.take("b", "m", Duration::from_millis(5)).await.is_none());
        {
            let state = shares.state();
            assert!(state.queued == 0 && state.queues.is_empty() && state.turns.is_empty());
        }
        drop(place);
        assert!(shares.take("b", "m", Duration::from_millis(5)).await.is_some());
        assert_eq!(shares.state().held, 0);
    }

    #[tokio::test]
    async fn too_many_waiters_of_one_workspace_do_not_fill_the_queue() {
        let shares = Shares::new("test", 4);
        let _held: Vec<_> = ["a", "b", "c", "d"].iter().filter_map(|w| shares.try_take(w, "m")).collect();
        let long = Duration::from_secs(60);
        let mut waiting: Vec<_> = (0..40).map(|_| Box::pin(shares.take("a", "m", long))).collect();
        let refused = waiting.iter_mut().filter_map(|waiting| waiting.now_or_never()).count();
        assert_eq!(refused, 32, "half of the queue of sixteen");
        let mut other = Box::pin(shares.take("e", "m", long));
        assert!((&mut other).now_or_never().is_none(), "it waits");
    }

    proptest! {
        /// Whatever is taken and given back: counts agree, the pool is never overdrawn, and while a place is free a workspace that
        /// holds none gets it.
        #[test]
        fn the_counts_agree_and_newcomers_are_served(total in 1usize..40, steps in prop::collection::vec((0u8..5, 0u8..3, any::<bool>()), 0..200)) {
            let shares = Shares::new("test", total);
            let mut held: BTreeMap<(u8, u8), Vec<Place>> = BTreeMap::new();
            for (workspace, member, take) in steps {
                let places = held.entry((workspace, member)).or_default();
                if take {
                    let room = shares.room(&workspace.to_string(), &member.to_string());
                    let place = shares.try_take(&workspace.to_string(), &member.to_string());
                    prop_assert_eq!(place.is_some(), room > 0);
                    drop(place);
                    let (workspace, member) = (workspace.to_string(), member.to_string());
                    prop_assert!(shares.try_take_several(&workspace, &member, room + 1).is_none());
                    if room > 0 {
                        prop_assert!(shares.try_take_several(&workspace, &member, room).is_some());
                    }
                    places.extend(shares.try_take(&workspace, &member));
                } else {
                    places.pop();
                }
                let all: usize = held.values().map(Vec::len).sum();
                prop_assert_eq!(shares.state().held, all);
                prop_assert!(all <= total);
                prop_assert_eq!(shares.room("new", "m") > 0, all < total);
            }
            drop(held);
            let state = shares.state();
            prop_assert!(state.held == 0 && state.groups.is_empty());
        }
    }
}

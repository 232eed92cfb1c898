//! `/users/delta` and `/groups/delta`.
//!
//! A round is planned when it begins: which objects it tells, in which order, on which pages. What a page says of them is read when it is
//! asked for, so it may say more than was so when the round began, never less. The next round starts from the number of the last change
//! before this one began: what happened meanwhile is told again.

mod page;
mod plan;

use super::answer::Answer;
use super::error::{GraphError, bad_request, error, invalid_option};
use super::filter::Filter;
use super::represent::Selection;
use super::request::Call;
use super::token;
use crate::tenant::{ExpiredToken, Guid, Kind, Moment, Place, State};
use jiff::SignedDuration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How long state tokens are good for.
const LASTS: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How many entries of pages are kept; of the oldest rounds beyond them stays only where the next round begins.
const KEPT_ENTRIES: usize = 4_000_000;
/// How many ids a filter may name.
const MOST_IDS: usize = 50;

/// What a round tells of.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Users or groups.
    pub kind: Kind,
    /// The properties and links that are followed.
    pub selection: Selection,
    /// Only these objects.
    pub only: Option<Arc<[Guid]>>,
}

impl Scope {
    /// Whether the link is followed that objects of the kind have: managers of users, members of groups.
    pub fn follows_link(&self) -> bool {
        match self.kind {
            Kind::User => self.selection.has(Kind::User, "manager"),
            // Without a selection, groups come with their members.
            Kind::Group => self.selection.named.is_none() || self.selection.has(Kind::Group, "members"),
        }
    }
}

/// An object on a page, or a slice of a group's members.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What is told of.
    pub place: Place,
    /// Members from here,
    pub from: Place,
    /// up to before here.
    pub to: Option<Place>,
    /// Whether more slices of the group follow.
    pub partial: bool,
    /// Whether an older state is told, which a later entry corrects.
    pub stale: bool,
}

/// A round of change tracking.
#[derive(Clone, Debug)]
pub struct Round {
    /// What it tells of.
    pub scope: Scope,
    /// The last change that the client has seen; nothing in the first round.
    pub since: Option<u64>,
    /// The last change before it began.
    pub upto: u64,
    /// Its pages.
    pub pages: Vec<Vec<Entry>>,
    /// Whether the first round tells what was deleted lately.
    pub removed_first: bool,
    /// Whether ids change their case.
    pub changing_case: bool,
    /// When a page was last asked for.
    pub touched: Moment,
}

/// The rounds whose tokens are good.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    number: u64,
    rounds: BTreeMap<u64, Round>,
    /// Which rounds have their pages, and how many entries those have.
    whole: VecDeque<(u64, usize)>,
    entries: usize,
}

impl Rounds {
    /// Forgets rounds whose tokens have expired.
    pub fn prune(&mut self, now: Moment) {
        self.rounds.retain(|_, round| now.duration_since(round.touched) < LASTS);
        self.whole.retain(|(number, _)| self.rounds.contains_key(number));
        self.entries = self.whole.iter().map(|(_, entries)| entries).sum();
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self { number: self.number, ..Self::default() };
    }

    fn begin(&mut self, round: Round) -> u64 {
        self.number += 1;
        let entries = round.pages.iter().map(Vec::len).sum();
        self.entries += entries;
        self.whole.push_back((self.number, entries));
        while self.entries > KEPT_ENTRIES && self.whole.len() > 1 {
            let Some((oldest, entries)) = self.whole.pop_front() else { break };
            self.entries -= entries;
            if let Some(round) = self.rounds.get_mut(&oldest) {
                round.pages = Vec::new();
            }
        }
        self.rounds.insert(self.number, round);
        self.number
    }

    /// Where the round after one begins.
    fn after(&mut self, number: u64, kind: Kind, now: Moment) -> Option<(Scope, u64)> {
        let round = self.rounds.get_mut(&number).filter(|round| round.scope.kind == kind)?;
        round.touched = now;
        Some((round.scope.clone(), round.upto))
    }
}

/// Answers a page.
pub fn delta(state: &mut State, call: &Call<'_>, kind: Kind) -> Result<Answer, GraphError> {
    let token = call.query.deltatoken.as_deref().filter(|token| !token.is_empty());
    if let Some(token) = &call.query.skiptoken {
        let (number, page) = read(state, "page", token).ok_or_else(|| expired_page(state))?;
        let page = page.and_then(|page| usize::try_from(page).ok()).ok_or_else(|| expired_page(state))?;
        return answer(state, call, kind, number, page).ok_or_else(|| expired_page(state));
    }
    if let Some(token) = token.filter(|token| !token.eq_ignore_ascii_case("latest")) {
        let (number, _) = read(state, "delta", token).ok_or_else(|| expired(state, call))?;
        let now = state.now;
        let (scope, upto) = state.rounds.after(number, kind, now).ok_or_else(|| expired(state, call))?;
        let number = begin(state, scope, Some(upto));
        return answer(state, call, kind, number, 0).ok_or_else(|| expired(state, call));
    }
    let scope = scope(state, call, kind)?;
    let number = if token.is_some() {
        // From now on: a round that is over before it began.
        let upto = state.directory.number();
        let unruly = state.unruly;
        state.rounds.begin(Round {
            scope,
            since: Some(upto),
            upto,
            pages: vec![Vec::new()],
            removed_first: false,
            changing_case: unruly.changing_case,
            touched: state.now,
        })
    } else {
        begin(state, scope, None)
    };
    answer(state, call, kind, number, 0).ok_or_else(|| expired(state, call))
}

/// Reads what the first call of a round asks for. `$top` and `$orderby` change nothing.
fn scope(state: &State, call: &Call<'_>, kind: Kind) -> Result<Scope, GraphError> {
    let query = &call.query;
    for (option, given) in [("$expand", &query.expand), ("$search", &query.search)] {
        if given.is_some() {
            return Err(bad_request(format!("'{option}' is not supported in delta queries.")));
        }
    }
    let selection = Selection::read(query.select.as_deref(), &[kind], &state.directory)?;
    let only = match &query.filter {
        None => None,
        Some(filter) => {
            let ids = Filter::read(filter)?.ids();
            let ids = ids.ok_or_else(|| {
                bad_request(
                    "'$filter' of delta queries takes nothing but 'id eq' clauses held together by 'or'.",
                )
            })?;
            if ids.len() > MOST_IDS {
                return Err(bad_request(format!(
                    "'$filter' of delta queries takes at most {MOST_IDS} objects."
                )));
            }
            let read = |id: &String| {
                Guid::parse(id).ok_or_else(|| invalid_option(format!("'{id}' is not an object id.")))
            };
            Some(ids.iter().map(read).collect::<Result<Arc<[Guid]>, _>>()?)
        }
    };
    Ok(Scope { kind, selection, only })
}

fn begin(state: &mut State, scope: Scope, since: Option<u64>) -> u64 {
    let upto = state.directory.number();
    let (pages, unruly) = (plan::pages(state, &scope, since), state.unruly);
    state.rounds.begin(Round {
        scope,
        since,
        upto,
        pages,
        removed_first: unruly.removed_first,
        changing_case: unruly.changing_case,
        touched: state.now,
    })
}

fn answer(state: &mut State, call: &Call<'_>, kind: Kind, number: u64, page: usize) -> Option<Answer> {
    let now = state.now;
    let round = state.rounds.rounds.get_mut(&number).filter(|round| round.scope.kind == kind)?;
    round.touched = now;
    let round = state.rounds.rounds.get(&number)?;
    let entries = round.pages.get(page)?;
    let root = format!("{}/{}/delta", call.root(), kind.collection());
    let link = if page + 1 < round.pages.len() {
        let token = token::seal(state.chance, "page", &format!("{number} {}", page + 1));
        ("@odata.nextLink", format!("{root}?$skiptoken={token}"))
    } else {
        (
            "@odata.deltaLink",
            format!("{root}?$deltatoken={}", token::seal(state.chance, "delta", &number.to_string())),
        )
    };
    let context = call.context(&format!("{}{}", kind.collection(), round.scope.selection.suffix()));
    let teller = page::Teller {
        directory: &state.directory,
        round,
        minimal: call.request.minimal(),
        chance: state.chance,
        page,
    };
    let mut answer = Answer::json(200, teller.body(&context, &link, entries));
    if teller.minimal {
        answer.headers.push(("preference-applied", "return=minimal".to_owned()));
    }
    Some(answer)
}

/// The round, and the page of it, that a token is for.
fn read(state: &State, purpose: &str, token: &str) -> Option<(u64, Option<u64>)> {
    let text = token::open(state.chance, purpose, token)?;
    let mut numbers = text.split(' ').map(|number| number.parse::<u64>().ok());
    Some((numbers.next()??, numbers.next().flatten()))
}

fn expired(state: &State, call: &Call<'_>) -> GraphError {
    let message = "The delta token is not known any more; read everything anew.";
    match &state.expired_delta {
        ExpiredToken::BadRequest(code) => error(400, code, message),
        ExpiredToken::Gone(code) => {
            let anew = format!("{}{}?$deltatoken=", call.request.base, call.request.path);
            GraphError { headers: vec![("location", anew)], ..error(410, code, message) }
        }
    }
}

fn expired_page(state: &State) -> GraphError {
    error(400, &state.expired_page, "The page token is not known any more; begin the list anew.")
}

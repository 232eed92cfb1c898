//! Names for people: which one a person has depends on the seed and the person's number alone, and no two people share a user name.

use crate::chance::{Chance, coprime};
use std::sync::LazyLock;

/// How a person is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// In the person's own script.
    pub given: String,
    /// In the person's own script.
    pub family: String,
    /// As people of that culture write it: `Gildong Hong` is `홍길동`.
    pub display: String,
    /// ASCII, lower case, with a number from the second person of that name on.
    pub user_name: String,
}

/// The given and family names of one culture, each with its ASCII form.
#[derive(Debug)]
pub struct Culture {
    pub given: Vec<(String, &'static str)>,
    pub family: Vec<(String, &'static str)>,
    order: Order,
    double: bool,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Given,
    Family,
    Joined,
}

/// The tables of `names.txt`.
pub static CULTURES: LazyLock<Vec<Culture>> = LazyLock::new(|| cultures(include_str!("names.txt")));

fn cultures(text: &'static str) -> Vec<Culture> {
    let mut cultures: Vec<Culture> = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix('[') {
            let has = |word: &str| heading.trim_end_matches(']').split(' ').any(|given| given == word);
            let order = match (has("joined"), has("family")) {
                (true, _) => Order::Joined,
                (false, true) => Order::Family,
                (false, false) => Order::Given,
            };
            cultures.push(Culture { given: Vec::new(), family: Vec::new(), order, double: has("double") });
        } else if let Some(culture) = cultures.last_mut() {
            let pairs = |names: &'static str| {
                let pairs = names.split(' ').filter_map(|pair| pair.split_once('='));
                pairs.map(|(native, ascii)| (native.replace('_', " "), ascii))
            };
            match line.split_once(' ') {
                Some(("given", names)) => culture.given.extend(pairs(names)),
                Some(("family", names)) => culture.family.extend(pairs(names)),
                _ => {}
            }
        }
    }
    cultures
}

/// A person's place in the tables.
struct Draw {
    culture: &'static Culture,
    given: &'static (String, &'static str),
    family: &'static (String, &'static str),
    /// How many people before have the same name.
    before: u32,
}

impl Draw {
    /// Every run of as many people as there are cultures has each culture once, in an order of its own; within a culture all pairs of
    /// names are gone through before one comes again.
    fn of(chance: Chance, number: u32) -> Option<Self> {
        let all = u32::try_from(CULTURES.len()).ok()?;
        let (round, turn) = (number.checked_div(all)?, number.checked_rem(all)?);
        let order = chance.of("culture", round);
        let which = (u64::from(turn) * u64::from(coprime(order, all)) + (order >> 32)) % u64::from(all);
        let culture = CULTURES.get(usize::try_from(which).ok()?)?;

        let (given, family) =
            (u32::try_from(culture.given.len()).ok()?, u32::try_from(culture.family.len()).ok()?);
        let pairs = given * family;
        let order = chance.of("name", u32::try_from(which).ok()?);
        let step = u64::from(round % pairs) * u64::from(coprime(order, pairs)) + (order >> 32);
        let pair = u32::try_from(step % u64::from(pairs)).ok()?;
        let (row, column) = (pair / given, pair % given);
        Some(Self {
            culture,
            given: culture.given.get(usize::try_from(column).ok()?)?,
            family: culture.family.get(usize::try_from((row + column) % family).ok()?)?,
            before: round / pairs,
        })
    }
}

/// The name of a person, who counts from 0.
pub fn name(chance: Chance, number: u32) -> Name {
    Draw::of(chance, number).map_or_else(
        || Name {
            given: String::new(),
            family: number.to_string(),
            display: number.to_string(),
            user_name: number.to_string(),
        },
        |draw| {
            let repeated = if draw.before == 0 { String::new() } else { (draw.before + 1).to_string() };
            draw.culture.called(
                &draw.given.0,
                &draw.family.0,
                format!("{}.{}{repeated}", draw.given.1, draw.family.1),
            )
        },
    )
}

/// The name of a person who has taken a second family name; none where the culture doesn't do so.
pub fn married_name(chance: Chance, number: u32) -> Option<Name> {
    let draw = Draw::of(chance, number).filter(|draw| draw.culture.double)?;
    let second = draw.culture.family.iter().find(|family| *family != draw.family)?;
    let family = format!("{}-{}", draw.family.0, second.0);
    let ascii = format!("{}-{}", draw.family.1, second.1);
    let repeated = if draw.before == 0 { String::new() } else { (draw.before + 1).to_string() };
    Some(draw.culture.called(&draw.given.0, &family, format!("{}.{ascii}{repeated}", draw.given.1)))
}

impl Culture {
    fn called(&self, given: &str, family: &str, user_name: String) -> Name {
        let display = match self.order {
            Order::Given => format!("{given} {family}"),
            Order::Family => format!("{family} {given}"),
            Order::Joined => format!("{family}{given}"),
        };
        Name { given: given.to_owned(), family: family.to_owned(), display, user_name }
    }
}

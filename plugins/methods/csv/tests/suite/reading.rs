use crate::memory::{Memory, Whole};
use proptest::prelude::*;
use usher_method_csv::Csv;
use usher_method_csv::read::Reading;
use usher_method_csv::settings::Settings;
use usher_plugin::{Coverage, Fault, Next, Position};

fn company(people: u32) -> Memory {
    let mut users = "id,userName,groups,active\n".to_owned();
    let mut memberships = "group,member\n".to_owned();
    for n in 0..people {
        let odd = if n % 97 == 5 { ",surplus" } else { "" };
        let active = if n % 41 == 3 { "perhaps" } else { "yes" };
        users.push_str(&format!("u{n},user{n},\"Team {};All\",{active}{odd}\n", n % 13));
        memberships.push_str(&format!("Extra {},u{}\n", n % 7, n % 50));
    }
    users.push_str("u0,again,,\n");
    Memory::of_users(users).with("memberships", memberships)
}

#[test]
fn f84_same_hash_is_unchanged() {
    let memory = company(10);
    let mut csv = Csv::new(memory.settings(), memory.clone()).unwrap();
    let Next::End(seal) = csv.read_page(Position::Fresh).unwrap().next else { panic!("more") };
    let cursor = seal.cursor.unwrap();

    let mut later = Csv::new(memory.settings(), memory.clone()).unwrap();
    let page = later.read_page(Position::Since(cursor.clone())).unwrap();
    assert!(page.changes.is_empty());
    let Next::End(seal) = page.next else { panic!("more") };
    assert_eq!(seal.covers, Coverage::Changes);
    assert_eq!(seal.cursor.as_ref(), Some(&cursor));

    let changed = company(11);
    let mut later = Csv::new(changed.settings(), changed).unwrap();
    assert_eq!(later.read_page(Position::Since(cursor.clone())), Err(Fault::CursorExpired));

    let settings = Settings { group_separator: "/".into(), ..memory.settings() };
    let mut later = Csv::new(settings, memory).unwrap();
    assert_eq!(later.read_page(Position::Since(cursor)), Err(Fault::CursorExpired));
}

#[test]
fn f84_an_unchanged_file_is_not_even_read() {
    let mut memory = company(10);
    let settings = memory.settings();
    let cursor = Reading::fresh(&mut memory, &settings).unwrap().cursor().to_owned();
    let before = memory.chunks_read;
    assert_eq!(Reading::fresh(&mut memory, &settings).unwrap().cursor(), cursor);
    assert_eq!(memory.chunks_read, before);
}

#[test]
fn f85_a_read_goes_on_in_another_instance() {
    let mut memory = company(2_000);
    let settings = memory.settings();
    let whole = memory.read().unwrap();
    let mut tokens = Vec::new();
    let mut undisturbed = Reading::fresh(&mut memory, &settings).unwrap();
    let mut changes = Vec::new();
    loop {
        let page = undisturbed.page(&mut memory).unwrap();
        changes.extend(page.changes);
        match page.next {
            Next::More(token) => tokens.push((token, changes.len())),
            Next::End(_) => break,
        }
    }
    assert!(tokens.len() > 5);
    for (token, done) in tokens {
        let mut resumed = Reading::resumed(&mut memory, &settings, &token).unwrap();
        let rest = Whole::of(&mut resumed, &mut memory).unwrap();
        assert_eq!(rest.changes, whole.changes[done..]);
        assert_eq!(rest.seal, whole.seal);
    }
}

#[test]
fn f85_going_on_in_the_same_instance_reads_nothing_twice() {
    let memory = company(2_000);
    let settings = memory.settings();
    let mut csv = Csv::new(settings.clone(), memory.clone()).unwrap();
    let mut at = Position::Fresh;
    let mut changes = 0;
    while let Next::More(token) = {
        let page = csv.read_page(at).unwrap();
        changes += page.changes.len();
        page.next
    } {
        at = Position::Resume(token);
    }
    assert_eq!(changes, memory.clone().read().unwrap().changes.len());
}

#[test]
fn f85_other_content_or_another_token_is_lost() {
    let mut memory = company(2_000);
    let settings = memory.settings();
    let page = Reading::fresh(&mut memory, &settings).unwrap().page(&mut memory).unwrap();
    let Next::More(token) = page.next else { panic!("one page") };
    let mut changed = company(2_001);
    assert_eq!(Reading::resumed(&mut changed, &settings, &token).err(), Some(Fault::ResumeLost));
    assert_eq!(Reading::resumed(&mut memory, &settings, "junk").err(), Some(Fault::ResumeLost));
}

#[test]
fn f91_a_call_does_no_more_than_its_share() {
    let mut users = "id,groups\n".to_owned();
    for n in 0..60_000 {
        users.push_str(&format!("{n},All\n"));
    }
    // Chunks of 1 KiB: hundreds of them, of which a call takes 64 and what a file is recognised by.
    let mut memory = Memory::of_users(users).in_chunks_of(1024);
    let settings = memory.settings();
    let mut reading = Reading::fresh(&mut memory, &settings).unwrap();
    let mut tokens = Vec::new();
    loop {
        let before = memory.chunks_read;
        let page = reading.page(&mut memory).unwrap();
        assert!(memory.chunks_read - before <= 130);
        match page.next {
            Next::More(token) => tokens.push(token),
            Next::End(_) => break,
        }
    }
    let mut unique = tokens.clone();
    unique.dedup();
    assert_eq!(unique, tokens, "every page has a token of its own");

    // Catching up is shared out too, and the empty pages lead to the same place.
    let token = tokens.last().unwrap();
    let mut resumed = Reading::resumed(&mut memory, &settings, token).unwrap();
    let before = memory.chunks_read;
    let page = resumed.page(&mut memory).unwrap();
    assert!(memory.chunks_read - before <= 130 && page.changes.is_empty());
    let Next::More(passed) = page.next else { panic!("ended") };
    let rest = Whole::of(&mut resumed, &mut memory).unwrap();
    let mut again = Reading::resumed(&mut memory, &settings, &passed).unwrap();
    assert_eq!(Whole::of(&mut again, &mut memory).unwrap(), rest);
}

#[test]
fn f91_pages_stay_small_whatever_the_rows() {
    let row = |id: u32| format!("{id},{}\n", vec!["y".repeat(60_000); 15].join(","));
    let header: Vec<String> = (0..15).map(|n| format!("note{n}")).collect();
    let users: String = (0..30).map(row).collect();
    let mut memory = Memory::of_users(format!("id,{}\n{users}", header.join(",")));
    let settings = memory.settings();
    let page = Reading::fresh(&mut memory, &settings).unwrap().page(&mut memory).unwrap();
    assert!(page.changes.len() < 8, "{} users of 900 KB on a page", page.changes.len());
    assert_eq!(memory.read().unwrap().users().len(), 30);
}

#[test]
fn f85_progress_knows_how_much_is_to_come() {
    let rows: String = (0..20_000).map(|n| format!("{n},user{n}\n")).collect();
    let mut memory = Memory::of_users(format!("id,userName\n{rows}"));
    let settings = memory.settings();
    let page = Reading::fresh(&mut memory, &settings).unwrap().page(&mut memory).unwrap();
    let expected = page.expected.unwrap();
    assert!((18_000..22_000).contains(&expected), "{expected}");
}

#[test]
fn f12_a_column_that_is_gone_is_told_with_what_it_fed() {
    let mut memory = Memory::of_users("id,userName,mail,groups\n1,ann,ann@x,Eng\n")
        .with("groups", "id,name,Description\nEng,Eng,Builders\n");
    memory.read().unwrap();
    memory.read().unwrap();
    assert!(memory.warnings.is_empty());

    // Blank cells and another order or case of the columns say nothing.
    let mut memory = memory.with("users", "ID,Mail,userName,groups\n1,,ann,\n");
    memory.read().unwrap();
    assert!(memory.warnings.is_empty());

    let mut memory = memory
        .with("users", "id,userName,Post\n1,ann,ann@x\n")
        .with("groups", "id,name,Purpose\nEng,Eng,Builders\n");
    let lines = [
        "groups.csv: the column “Description”, which fed description, is no longer there",
        "users.csv: the column “Mail”, which fed emails, is no longer there",
        "users.csv: the column “groups”, which fed groups, is no longer there",
    ];
    // Told in every run until one is applied; memory.kept stands for what was applied.
    let applied = memory.kept.clone();
    for _ in 0..2 {
        memory.warnings.clear();
        memory.kept = applied.clone();
        memory.read().unwrap();
        assert_eq!(memory.warnings, lines);
    }
    memory.warnings.clear();
    memory.read().unwrap();
    assert!(memory.warnings.is_empty());
}

#[test]
fn f12_a_resumed_read_tells_a_lost_column_as_well() {
    let rows: String = (0..3_000).map(|n| format!("{n},user{n}\n")).collect();
    let mut memory = Memory::of_users("id,userName,title\n").with("memberships", "group,member\n");
    memory.read().unwrap();
    let mut memory = memory.with("users", format!("id,userName\n{rows}"));
    let settings = memory.settings();
    let mut at = Reading::fresh(&mut memory, &settings).unwrap();
    while let Next::More(token) = at.page(&mut memory).unwrap().next {
        at = Reading::resumed(&mut memory, &settings, &token).unwrap();
    }
    assert_eq!(memory.warnings, ["users.csv: the column “title”, which fed title, is no longer there"]);
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9]{0,4}",
        1 => Just("\"x,\ny\"".to_owned()),
        1 => Just("yes".to_owned()),
        1 => Just("A;B".to_owned()),
        1 => Just("\"".to_owned()),
        1 => Just("é".to_owned()),
    ]
}

fn file(header: &'static str) -> impl Strategy<Value = String> {
    let row = prop::collection::vec(cell(), 2..5).prop_map(|cells| cells.join(","));
    (prop::collection::vec(row, 0..30), any::<bool>()).prop_map(move |(rows, ended)| {
        format!("{header}\n{}{}", rows.join("\n"), if ended { "\n" } else { "" })
    })
}

proptest! {
    #[test]
    fn f85_pages_and_chunks_never_matter(
        users in file("id,groups,active"),
        memberships in file("group,member,kind"),
        with_memberships: bool,
        page in 1_usize..40,
        chunk in 4_usize..200,
    ) {
        let mut memory = Memory::of_users(users);
        if with_memberships {
            memory = memory.with("memberships", memberships);
        }
        let settings = memory.settings();
        let whole = memory.clone().read();
        let mut small = memory.clone().in_chunks_of(chunk);
        let reading = Reading::fresh(&mut small, &settings);
        let other = reading.and_then(|reading| Whole::of(&mut reading.with_pages_of(page), &mut small));
        match (whole, other) {
            (Ok(whole), Ok(other)) => prop_assert_eq!(whole, other),
            (Err(one), Err(other)) => prop_assert_eq!(one, other),
            (one, other) => prop_assert!(false, "{:?} but {:?}", one, other),
        }
    }

    #[test]
    fn f85_resuming_anywhere_equals_an_undisturbed_read(
        users in file("id,groups,active"),
        memberships in file("group,member,kind"),
        page in 1_usize..20,
        stop in 0_usize..20,
    ) {
        let mut memory = Memory::of_users(users).with("memberships", memberships);
        let settings = memory.settings();
        let Ok(whole) = memory.clone().read() else { return Ok(()) };
        let mut reading = Reading::fresh(&mut memory, &settings).unwrap().with_pages_of(page);
        let mut changes = Vec::new();
        for _ in 0..=stop {
            let given = reading.page(&mut memory).unwrap();
            changes.extend(given.changes);
            let Next::More(token) = given.next else { break };
            if changes.len() % 3 == 0 {
                reading = Reading::resumed(&mut memory, &settings, &token).unwrap().with_pages_of(page);
            }
        }
        prop_assert_eq!(&whole.changes[..changes.len()], &changes[..]);
    }

    #[test]
    fn f91_arbitrary_bytes_never_break_it(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        header in prop::sample::select(vec!["", "id,name\n", "\u{feff}id;groups\n", "version:v1.0\nUser name [userPrincipalName] Required\n"]),
        chunk in 4_usize..50,
    ) {
        let mut all = header.as_bytes().to_vec();
        all.extend(&bytes);
        let mut memory = Memory::of_users(&all).with("memberships", &bytes).in_chunks_of(chunk);
        let settings = memory.settings();
        if let Ok(whole) = memory.read_with(&Settings { memberships: None, ..settings.clone() }) {
            let (users, ..) = whole.counts();
            prop_assert!(users as usize <= whole.changes.len());
        }
        let _ = usher_method_csv::check::report(&mut memory, &settings);
    }
}

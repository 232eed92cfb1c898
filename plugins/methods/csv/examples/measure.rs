//! temp
use std::time::Instant;
use usher_method_csv::files::{File, Outside};
use usher_method_csv::read::Reading;
use usher_method_csv::settings::Settings;
use usher_plugin::{Fault, Next};
struct M(Vec<u8>, Vec<u8>);
impl Outside for M {
    fn open(&mut self, s: &str) -> Result<Option<File>, Fault> {
        let b = match s {
            "users" => &self.0,
            "memberships" if !self.1.is_empty() => &self.1,
            _ => return Ok(None),
        };
        Ok(Some(File {
            name: s.into(),
            sha256: "x".into(),
            size: b.len() as u64,
            chunks: b.len().div_ceil(262144) as u32,
        }))
    }
    fn read(&mut self, s: &str, c: u32) -> Result<Vec<u8>, Fault> {
        let b = if s == "users" { &self.0 } else { &self.1 };
        Ok(b[c as usize * 262144..((c as usize + 1) * 262144).min(b.len())].to_vec())
    }
    fn recall(&mut self, _: &str) -> Result<Option<String>, Fault> {
        Ok(None)
    }
    fn remember(&mut self, _: &str, _: &str) -> Result<(), Fault> {
        Ok(())
    }
    fn warn(&mut self, l: &str) {
        println!("{l}")
    }
}
fn main() {
    let n = 1_000_000;
    for wide in [false, true] {
        let mut u = String::from(
            "id,userName,displayName,givenName,surname,mail,department,title,active,telephoneNumber",
        );
        if wide {
            for c in 0..20 {
                u += &format!(",attr{c}");
            }
        }
        u += "\n";
        for i in 0..n {
            u += &format!(
                "u{i:07},user{i}@acme.example,\"User, {i}\",Given{i},Family{i},user{i}@acme.example,Department {},Engineer,true,+41 44 {i:07}",
                i % 50
            );
            if wide {
                for c in 0..20 {
                    u += &format!(",value {c} {}", i % 100);
                }
            }
            u += "\n";
        }
        let mut m = String::from("group,member\n");
        for i in 0..n {
            m += &format!("group{},u{i:07}\ngroup{},u{i:07}\n", i % 1000, 1000 + i % 777);
        }
        let mb = (u.len() + m.len()) as f64 / 1e6;
        let mut mem = M(u.into_bytes(), m.into_bytes());
        let s = Settings::of_users("users");
        let t = Instant::now();
        let mut r = Reading::fresh(&mut mem, &s).unwrap();
        let (mut changes, mut users_at) = (0, None);
        loop {
            let p = r.page(&mut mem).unwrap();
            changes += p.changes.len();
            if users_at.is_none() && r.counts().memberships > 0 {
                users_at = Some(t.elapsed());
            }
            if let Next::End(seal) = p.next {
                println!("{seal:?}");
                break;
            }
        }
        let e = t.elapsed();
        println!(
            "{} columns: {changes} changes, {mb:.0} MB: users {:?}, all {e:?}",
            if wide { 30 } else { 10 },
            users_at.unwrap()
        );
        let t = Instant::now();
        usher_method_csv::check::report(&mut mem, &s).unwrap();
        println!("check {:?}", t.elapsed());
    }
}

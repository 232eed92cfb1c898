//! How users and groups are written.

use super::error::{GraphError, invalid_option};
use super::json::{Fields, put, put_array, put_id};
use super::rights::Need;
use super::schema;
use crate::tenant::{Directory, Identity, Kind, Life, Object, instant};
use serde_json::Value;

/// Which properties are shown of each kind.
#[derive(Clone, Debug)]
pub struct Selection {
    /// What was selected, in the order it was; nothing if the defaults are shown.
    pub named: Option<Vec<String>>,
    users: Vec<String>,
    groups: Vec<String>,
}

impl Selection {
    /// What `$select` asks for, of objects of some kinds. A name that none of them has is refused.
    pub fn read(
        select: Option<&[String]>,
        kinds: &[Kind],
        directory: &Directory,
    ) -> Result<Self, GraphError> {
        let defaults = |kind| schema::defaults(kind).iter().map(|name| (*name).to_owned()).collect();
        let every = select.is_some_and(|names| names.iter().any(|name| name == "*"));
        let Some(names) = select.filter(|names| !names.is_empty() && !every) else {
            return Ok(Self { named: None, users: defaults(Kind::User), groups: defaults(Kind::Group) });
        };
        let mut selection = Self { named: Some(Vec::new()), users: Vec::new(), groups: Vec::new() };
        for name in names {
            let mut known = None;
            for kind in kinds {
                let Some(resolved) = schema::resolve(*kind, name, directory) else { continue };
                let of = match kind {
                    Kind::User => &mut selection.users,
                    Kind::Group => &mut selection.groups,
                };
                if !of.contains(&resolved) {
                    of.push(resolved.clone());
                }
                known = Some(resolved);
            }
            let resource = kinds.first().map_or("#microsoft.graph.directoryObject", |kind| kind.odata_type());
            let known = known.ok_or_else(|| {
                let resource = resource.trim_start_matches('#');
                invalid_option(format!(
                    "'$select' names the property '{name}', which the type '{resource}' doesn't have."
                ))
            })?;
            if let Some(named) = selection.named.as_mut().filter(|named| !named.contains(&known)) {
                named.push(known);
            }
        }
        Ok(selection)
    }

    /// What is shown of a kind.
    pub fn of(&self, kind: Kind) -> &[String] {
        match kind {
            Kind::User => &self.users,
            Kind::Group => &self.groups,
        }
    }

    /// Whether something is shown of a kind.
    pub fn has(&self, kind: Kind, name: &str) -> bool {
        self.of(kind).iter().any(|known| known == name)
    }

    /// What follows the collection in `@odata.context`.
    pub fn suffix(&self) -> String {
        self.named.as_ref().map_or_else(String::new, |named| format!("({})", named.join(",")))
    }
}

/// A link that is written out.
#[derive(Clone, Debug)]
pub enum Expand {
    /// The manager of a user.
    Manager(Selection),
    /// Up to twenty members of a group.
    Members(Selection),
}

/// How many members `$expand` shows.
const EXPANDED: usize = 20;

/// A way of writing objects.
pub struct View<'a> {
    /// Where they are from.
    pub directory: &'a Directory,
    /// Who asks: without the permission for a kind, all but the id is null.
    pub identity: &'a Identity,
    /// What is shown.
    pub selection: Selection,
    /// Links that are written out.
    pub expand: Vec<Expand>,
    /// Whether `@odata.type` is needed.
    pub typed: bool,
    /// Whether ids are written in upper case, where delta queries write them in either.
    pub upper: bool,
}

impl View<'_> {
    /// Writes an object, after a context if it stands alone.
    pub fn put(&self, out: &mut Vec<u8>, object: &Object, context: Option<&str>) {
        let mut fields = Fields::open(out);
        if let Some(context) = context {
            fields.field("@odata.context", context);
        }
        if self.typed {
            fields.field("@odata.type", object.kind.odata_type());
        }
        let open = Need::reading(object.kind).met_by(self.identity) || self.identity.is(object);
        let names = self.selection.of(object.kind);
        // The id comes even where it wasn't selected, as long as the view is of several kinds.
        if self.typed && !names.iter().any(|name| name == "id") {
            put_id(fields.name("id"), object.guid, self.upper);
        }
        for name in names.iter().filter(|name| !schema::is_link(name)) {
            match name.as_str() {
                "id" => put_id(fields.name(name), object.guid, self.upper),
                _ => put_property(fields.name(name), object, name, open),
            }
        }
        for link in &self.expand {
            self.put_link(&mut fields, object, link);
        }
        fields.close();
    }

    fn put_link(&self, fields: &mut Fields<'_>, object: &Object, link: &Expand) {
        let view = |selection: &Selection| View {
            directory: self.directory,
            identity: self.identity,
            selection: selection.clone(),
            expand: Vec::new(),
            typed: true,
            upper: self.upper,
        };
        match link {
            Expand::Manager(selection) => {
                if let Some(manager) = self.directory.manager(object) {
                    view(selection).put(fields.name("manager"), manager, None);
                }
            }
            Expand::Members(selection) => {
                let view = view(selection);
                let members = self.directory.members(object).take(EXPANDED);
                put_array(fields.name("members"), members, |out, (_, member)| view.put(out, member, None));
            }
        }
    }
}

fn put_property(out: &mut Vec<u8>, object: &Object, name: &str, open: bool) {
    let value = match (name, object.life) {
        ("deletedDateTime", Life::Deleted(at)) => return put(out, &instant(at)),
        _ => object.properties.get(name).filter(|_| open),
    };
    match value {
        Some(value) => put(out, value),
        None if schema::is_list(name) => out.extend_from_slice(b"[]"),
        None => put(out, &Value::Null),
    }
}

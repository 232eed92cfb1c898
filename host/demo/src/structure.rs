//! The organisation's shape: divisions of departments of teams of ten, and who leads what. All of it follows from a person's number and the
//! size, so nothing is kept.

/// People a team, its lead among them.
pub const TEAM: u32 = 10;

/// A division of the sample and its kinds of department.
struct Division {
    name: &'static str,
    departments: [Department; 3],
}

struct Department {
    name: &'static str,
    teams: [&'static str; 4],
    titles: [&'static str; 4],
}

const fn department(name: &'static str, teams: [&'static str; 4], titles: [&'static str; 4]) -> Department {
    Department { name, teams, titles }
}

static DIVISIONS: [Division; 5] = [
    Division {
        name: "Technology",
        departments: [
            department(
                "Engineering",
                ["Platform", "Payments", "Mobile", "Search"],
                [
                    "Software Engineer",
                    "Senior Software Engineer",
                    "Test Engineer",
                    "Site Reliability Engineer",
                ],
            ),
            department(
                "Product",
                ["Design", "Research", "Growth", "Accessibility"],
                ["Product Manager", "Designer", "User Researcher", "Technical Writer"],
            ),
            department(
                "Data",
                ["Warehouse", "Forecasting", "Reporting", "Quality"],
                ["Data Engineer", "Data Analyst", "Statistician", "Data Steward"],
            ),
        ],
    },
    Division {
        name: "Commerce",
        departments: [
            department(
                "Sales",
                ["Key Accounts", "Retail", "Partners", "Tenders"],
                [
                    "Account Manager",
                    "Account Manager, Public Sector",
                    "Sales Engineer",
                    "Sales Representative",
                ],
            ),
            department(
                "Marketing",
                ["Brand", "Campaigns", "Events", "Web"],
                ["Copywriter", "Campaign Manager", "Event Planner", "Editor"],
            ),
            department(
                "Customer Care",
                ["Hotline", "Returns", "Training", "Complaints"],
                ["Service Agent", "Senior Service Agent", "Trainer", "Ombudsperson"],
            ),
        ],
    },
    Division {
        name: "Operations",
        departments: [
            department(
                "Production",
                ["Assembly", "Paint Shop", "Tooling", "Night Shift"],
                ["Machinist", "Electrician", "Shift Planner", "Welder"],
            ),
            department(
                "Logistics",
                ["Inbound", "Outbound", "Customs", "Fleet"],
                ["Dispatcher", "Customs Officer", "Driver", "Warehouse Clerk"],
            ),
            department(
                "Procurement",
                ["Raw Materials", "Services", "Parts", "Contracts"],
                ["Buyer", "Senior Buyer", "Supplier Manager", "Analyst, Commodities"],
            ),
        ],
    },
    Division {
        name: "Finance & Law",
        departments: [
            department(
                "Finance",
                ["Accounting", "Treasury", "Tax", "Controlling"],
                ["Accountant", "Controller", "Treasurer", "Tax Adviser"],
            ),
            department(
                "Legal",
                ["Contract Law", "Privacy", "Patents", "Litigation"],
                ["Counsel", "Counsel, Patents", "Paralegal", "Privacy Officer"],
            ),
            department(
                "Audit",
                ["Internal", "Compliance", "Risk", "Safety"],
                ["Auditor", "Risk Analyst", "Compliance Officer", "Inspector"],
            ),
        ],
    },
    Division {
        name: "People & Places",
        departments: [
            department(
                "Human Resources",
                ["Recruiting", "Payroll", "Learning", "Welfare"],
                ["Recruiter", "Payroll Clerk", "HR Partner", "Coach"],
            ),
            department(
                "Facilities",
                ["Buildings", "Canteen", "Reception", "Security"],
                ["Caretaker", "Cook", "Receptionist", "Guard"],
            ),
            department(
                "IT Services",
                ["Service Desk", "Networks", "Workplace", "Identity"],
                ["Support Technician", "Network Engineer", "Administrator", "Identity Engineer"],
            ),
        ],
    },
];

/// Where people sit: every site has a group.
pub const SITES: [(&str, &str); 8] = [
    ("site-seoul", "Site Seoul 서울"),
    ("site-berlin", "Site Berlin"),
    ("site-krakow", "Site Kraków"),
    ("site-athens", "Site Athens Αθήνα"),
    ("site-cairo", "Site Cairo القاهرة"),
    ("site-saopaulo", "Site São Paulo"),
    ("site-tokyo", "Site Tokyo 東京"),
    ("site-pune", "Site Pune पुणे"),
];

/// What a person is for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Leads the organisation.
    Chief,
    /// Leads a division.
    Director,
    /// Leads a department.
    Head,
    /// Leads a team.
    Lead,
    /// Leads nobody.
    Member,
}

/// How many of each there are, and which lies in which. Everything counts from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure {
    pub teams: u32,
    pub departments: u32,
    pub divisions: u32,
    teams_a_department: u32,
    departments_a_division: u32,
}

impl Structure {
    /// For so many people: 400 are five divisions of two departments of four teams; larger ones grow at every level but the first.
    pub fn of(size: u32) -> Self {
        let teams = size.div_ceil(TEAM).max(1);
        let squared = teams.saturating_mul(5) / 2;
        let root = squared.isqrt();
        let departments = if root.saturating_mul(root) < squared { root + 1 } else { root }.max(1);
        let teams_a_department = teams.div_ceil(departments);
        let departments = teams.div_ceil(teams_a_department);
        let divisions = departments.div_ceil(2).min(5);
        let departments_a_division = departments.div_ceil(divisions);
        let divisions = departments.div_ceil(departments_a_division);
        Self { teams, departments, divisions, teams_a_department, departments_a_division }
    }

    pub fn department_of(&self, team: u32) -> u32 {
        team / self.teams_a_department
    }

    pub fn division_of(&self, department: u32) -> u32 {
        department / self.departments_a_division
    }

    /// A team of the department after this one's.
    pub fn elsewhere(&self, team: u32) -> u32 {
        (team + self.teams_a_department) % self.teams
    }

    /// The person who leads a team, a department, a division: the first of its first team.
    pub fn lead_of_team(&self, team: u32) -> u32 {
        team * TEAM
    }

    fn lead_of_department(&self, department: u32) -> u32 {
        self.lead_of_team(department * self.teams_a_department)
    }

    pub fn lead_of_division(&self, division: u32) -> u32 {
        self.lead_of_department(division * self.departments_a_division)
    }

    /// What a person of a team is, and who leads that person.
    pub fn role(&self, person: u32, team: u32) -> (Role, Option<u32>) {
        let department = self.department_of(team);
        let division = self.division_of(department);
        let leads = [
            (Role::Chief, 0),
            (Role::Director, self.lead_of_division(division)),
            (Role::Head, self.lead_of_department(department)),
            (Role::Lead, self.lead_of_team(team)),
        ];
        let mut above = None;
        for (role, lead) in leads {
            if lead == person {
                return (role, above);
            }
            above = Some(lead);
        }
        (Role::Member, above)
    }

    pub fn division_name(&self, division: u32) -> &'static str {
        nth(&DIVISIONS, division).map_or("", |(division, _)| division.name)
    }

    pub fn department_name(&self, department: u32) -> String {
        self.kind(department).map(|(kind, again)| numbered(kind.name, again)).unwrap_or_default()
    }

    pub fn team_name(&self, team: u32) -> String {
        let department = self.department_of(team);
        let nth_in_department = team - department * self.teams_a_department;
        let own = self.kind(department).and_then(|(kind, _)| nth(&kind.teams, nth_in_department));
        let own = own.map(|(name, again)| numbered(name, again)).unwrap_or_default();
        format!("{} {own}", self.department_name(department))
    }

    /// What people of a team who lead nobody do.
    pub fn titles(&self, team: u32) -> &'static [&'static str] {
        self.kind(self.department_of(team)).map_or(&[], |(kind, _)| &kind.titles)
    }

    fn kind(&self, department: u32) -> Option<(&'static Department, u32)> {
        let division = self.division_of(department);
        let (names, _) = nth(&DIVISIONS, division)?;
        nth(&names.departments, department - division * self.departments_a_division)
    }
}

/// An entry of a table that begins again at its end, and how often it has.
fn nth<T>(table: &[T], number: u32) -> Option<(&T, u32)> {
    let length = u32::try_from(table.len()).ok()?;
    let (again, place) = (number.checked_div(length)?, number.checked_rem(length)?);
    Some((table.get(usize::try_from(place).ok()?)?, again))
}

fn numbered(name: &str, again: u32) -> String {
    if again == 0 { name.to_owned() } else { format!("{name} {}", again + 1) }
}

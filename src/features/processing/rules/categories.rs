//! The category of a conversation by keyword vote, and its emoji.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::sentences::Sentence;
use super::summary::singular;
use super::vocabulary::sets;

pub const OTHER: &str = "other";
pub const DEFAULT_EMOJI: &str = "🧠";

/// Name, emoji and keywords; on a tie the earlier one wins. `other` has no keywords.
const CATEGORIES: [(&str, &str, &str); 33] = [
    ("health", "🩺", "doctor dentist hospital medicine medication pills prescription symptom symptoms pain headache flu fever sick illness allergy allergic
        vaccine therapy physiotherapist surgeon surgery diet vitamins calories workout gym exercise sleep insomnia blood pressure diagnosis clinic nurse
        pharmacy checkup asthma diabetes cholesterol health healthy injury teeth tooth physio yoga running"),
    ("finance", "💰", "money bank loan loans mortgage invest investment investments investing stock stocks portfolio savings budget tax taxes pension salary
        credit debt interest dividend etf crypto bitcoin account insurance invoice refund payment payments retirement"),
    ("legal", "⚖️", "lawyer attorney contract contracts court lawsuit legal judge sue clause liability copyright trademark patent settlement testimony law
        custody notary litigation"),
    ("education", "🎓", "school university college teacher professor student students class classes lecture exam exams homework course courses study
        studying thesis semester degree grade grades tutor essay curriculum campus quiz"),
    ("parenting", "🧸", "toddler baby diaper diapers bedtime daycare kindergarten babysitter parenting newborn breastfeeding tantrum nursery playdate
        pediatrician pregnant pregnancy stroller"),
    ("family", "👪", "family mom mum dad mother father sister brother daughter son grandma grandmother grandpa grandfather uncle aunt cousin niece nephew
        parents kids children wife husband siblings in-laws"),
    ("romantic", "❤️", "date dating girlfriend boyfriend love romantic kiss crush wedding anniversary fiance fiancee valentine relationship engaged
        proposal honeymoon breakup marriage tinder"),
    ("travel", "✈️", "flight flights airport hotel trip travel vacation holiday passport visa luggage suitcase train airline tour itinerary hostel beach
        boarding booking airbnb abroad sightseeing road-trip cruise"),
    ("technology", "💻", "software app apps code coding programming developer server database api bug deploy deployment computer laptop phone android
        iphone algorithm ai robot chip internet browser website cloud linux python rust javascript gpu model machine-learning data encryption update
        hardware backend frontend repository"),
    ("science", "🔬", "science scientist physics chemistry biology experiment quantum molecule atom galaxy planet telescope laboratory lab genetics dna
        evolution theory hypothesis research particle astronomy neurons"),
    ("entrepreneurship", "🚀", "startup startups founder founders cofounder investor investors pitch venture seed funding valuation bootstrapped mvp
        accelerator incubator traction runway entrepreneur"),
    ("business", "💼", "revenue profit sales customer customers market marketing competitor competitors pricing company strategy supplier partnership
        acquisition merger brand quarterly agency ads advertising campaign newsletter invoice contract b2b business vendor"),
    ("work", "🗂️", "meeting meetings deadline project projects client clients boss colleague colleagues office report presentation slides sprint standup
        team manager coworker task tasks agenda milestone job interview resume promotion hr onboarding roadmap stakeholders email emails launch demo review"),
    ("sports", "⚽", "football soccer basketball tennis baseball hockey golf match goal goals league team coach player players score tournament marathon
        championship stadium olympics race cycling swim swimming referee playoffs"),
    ("politics", "🏛️", "election elections vote voting president senator congress parliament minister government policy democrat republican campaign
        party senate politician politics referendum legislation"),
    ("literature", "📚", "book books novel novels author poem poetry poet fiction chapter literature writer protagonist library bookshop memoir"),
    ("history", "📜", "history historical century empire ancient medieval war revolution emperor dynasty archaeology castle roman civilization pharaoh"),
    ("architecture", "🏗️", "architecture architect building buildings facade blueprint skyscraper floorplan construction concrete cathedral bauhaus"),
    ("music", "🎵", "music song songs album guitar piano band concert singer melody lyrics drums orchestra playlist chords violin jazz"),
    ("weather", "⛅", "weather rain raining snow snowing sunny forecast storm temperature cloudy wind windy thunderstorm humid heatwave degrees umbrella"),
    ("news", "📰", "news headline headlines breaking journalist reporter newspaper broadcast article"),
    ("entertainment", "🎬", "movie movies film films series show episode netflix actor actress cinema game games gaming theater theatre comedy tv streaming
        season trailer"),
    ("psychology", "🧩", "psychology anxiety depression therapist trauma emotion emotions emotional mindset stress cognitive behavior behaviour
        subconscious burnout habit habits personality"),
    ("philosophy", "🤔", "philosophy philosopher ethics moral morality existence consciousness meaning stoic stoicism nietzsche plato kant socrates
        metaphysics truth existential"),
    ("spiritual", "🙏", "god church prayer pray meditation spiritual faith soul bible mosque temple buddhism karma religion sermon mass"),
    ("inspiration", "✨", "inspiration inspiring motivation motivated dream dreams courage perseverance gratitude grateful ambition"),
    ("real", "🏠", "apartment apartments house rent landlord tenant realtor property lease mortgage neighborhood open-house bedroom bedrooms
        real-estate flat deposit"),
    ("design", "🎨", "design designer logo font fonts typography color colors colour palette layout wireframe figma mockup sketch illustration ux ui
        prototype branding"),
    ("economics", "📈", "inflation economy economic economics gdp recession tariffs unemployment monetary fiscal supply demand trade central-bank"),
    ("environment", "🌱", "climate environment environmental carbon emissions recycling recycle sustainability pollution renewable solar biodiversity
        deforestation ecosystem warming plastic"),
    ("social", "🎉", "party friends friend birthday dinner lunch drinks barbecue hang gathering reunion neighbors picnic celebrate celebration guests
        invite brunch coffee"),
    ("personal", "📝", "groceries grocery laundry milk shopping errand errands kitchen cleaning haircut car garage plumber furniture garden plants dog cat
        pet vet cook cooking recipe vacuum dishes package keys bread eggs"),
    (OTHER, DEFAULT_EMOJI, ""),
];

static BY_WORD: LazyLock<HashMap<String, Vec<usize>>> = LazyLock::new(|| {
    let mut out: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, (_, _, keywords)) in CATEGORIES.iter().enumerate() {
        let different: HashSet<String> = keywords.split_whitespace().map(singular).collect();
        for keyword in different {
            out.entry(keyword).or_default().push(index);
        }
    }
    out
});

/// A keyword of more than one sense, said but once, is no vote by itself.
const AMBIGUOUS_WEIGHT: f64 = 0.5;

/// A long talk needs more than one mention of one keyword.
const SHORT_TALK: usize = 60;

/// The category and its emoji.
pub fn vote(sentences: &[Sentence]) -> (&'static str, &'static str) {
    let mut counts: HashMap<&str, (u32, &[usize])> = HashMap::new();
    let mut total = 0;
    for word in sentences.iter().flat_map(|sentence| &sentence.words) {
        total += 1;
        if let Some((key, voted)) = BY_WORD.get_key_value(&singular(&word.low)) {
            counts.entry(key).or_insert((0, voted)).0 += 1;
        }
    }
    let mut scores = [0.0_f64; CATEGORIES.len()];
    for (word, (count, voted)) in &counts {
        // A word that several categories claim speaks for each of them less.
        let mut weight = (1.0 + f64::from(*count).ln() * 0.4) / (voted.len() as f64).sqrt();
        if AMBIGUOUS.contains(word) {
            weight *= AMBIGUOUS_WEIGHT;
        }
        for index in *voted {
            if let Some(score) = scores.get_mut(*index) {
                *score += weight;
            }
        }
    }
    let needed = if total <= SHORT_TALK { 0.6 } else { 1.5 };
    let best = scores
        .iter()
        .enumerate()
        .fold((0, 0.0), |best, (index, score)| {
            if *score > best.1 + 1e-9 {
                (index, *score)
            } else {
                best
            }
        });
    match CATEGORIES.get(best.0) {
        Some((name, emoji, _)) if best.1 >= needed => (name, emoji),
        _ => (OTHER, DEFAULT_EMOJI),
    }
}

sets! {
    /// In the singular, as they are looked up.
    AMBIGUOUS: "bank book judge match date cell trip flat real model plant chip train class court party state show test season
        score band cloud interest stock contract fever goal running degree law pain cut bug web play pitch mass soul code
        charge account trade term spring culture capital cold current race lab supply demand clause budget table seed season series
        temple wind net draft title volume grade note crush mint article breaking deposit seat tour board dream color colour light
        paper story card engaged proposal";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_33_and_distinct() {
        let names: HashSet<&str> = CATEGORIES.iter().map(|(name, _, _)| *name).collect();
        assert_eq!(names.len(), 33);
    }
}

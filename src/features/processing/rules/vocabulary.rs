//! Word lists of English the rules look words up in.

/// Word sets from lists separated by spaces.
macro_rules! sets {
    ($($(#[$doc:meta])* $vis:vis $name:ident: $words:literal;)*) => {
        $(
            $(#[$doc])*
            $vis static $name: std::sync::LazyLock<std::collections::HashSet<&'static str>> =
                std::sync::LazyLock::new(|| $words.split_whitespace().collect());
        )*
    };
}
pub(super) use sets;

sets! {
    pub FILLERS: "um uh uhm umm uhh uhhh er erm hmm hm mm mmm mhm uh-huh mm-hmm ah eh huh ugh";

    /// Words a recogniser repeats when the speaker stutters.
    pub STUTTERED: "i to the a an we you and my so but in on of it's i'm i'll";

    /// Greetings and reactions that carry nothing.
    pub CHATTER: "hi hello hey bye goodbye yes yeah yep yup no nope nah okay alright right thanks thank cheers wow oh sure cool great
        nice fine good well anyway please sorry welcome morning evening night day today lol haha exactly totally absolutely
        really actually basically literally honestly whatever stuff thing things everyone everybody guys guy dude man folks
        wait hold testing test check mic hear see later soon bit lot kind sort maybe perhaps how's what's";

    /// May stand between the parts of a fixed phrase: "I really need to".
    pub ADVERBS: "really just also probably definitely still actually totally seriously absolutely certainly then only first
        finally all both now kindly please quickly desperately urgently honestly basically simply literally quickly
        preferably ideally personally likely";

    /// As [`ADVERBS`], for statements of fact: "I currently live in".
    pub FACT_ADVERBS: "recently currently actually also really still now just originally absolutely totally honestly mostly basically
        mainly genuinely truly personally generally both";

    /// Without meaning for a title or an overview.
    pub STOP: "a an the and or but nor so yet if then than as at by for from in into of off on onto out over to up with without
        about above after again against all am any are aren't around be because been before being below between both
        can can't cannot could couldn't did didn't do does doesn't doing don't down during each even ever every few further
        had hadn't has hasn't have haven't having he he'd he'll he's her here hers herself him himself his how i i'd i'll
        i'm i've is isn't it it's its itself just let let's like me more most much must my myself no not now of once one ones only
        other our ours ourselves own same she she'd she'll she's should shouldn't some such that that's their theirs
        them themselves there there's these they they'd they'll they're they've this those through too under until
        unless although though whereas whether within since toward towards upon among across rather quite
        very was wasn't we we'd we'll we're we've were weren't what what's when where which while who who's whom why will
        won't would wouldn't you you'd you'll you're you've your yours yourself also always already maybe perhaps
        really actually basically literally probably definitely okay yeah yes well right sure oh hey hi hello thanks
        thank please gonna gotta wanna got get gets getting go goes going gone went come comes came coming make makes made
        say says said saying tell told think thinks thought know knows knew want wants wanted need needs needed see saw
        seen look looks looked take took use used thing things stuff something anything everything nothing someone
        anyone everyone lot lots bit kind sort way back still two three four five six seven eight nine ten today tomorrow
        yesterday tonight remind forget guess mean feel feels felt try tried keep kept put yep nope might may shall us
        isn ll ve re don todo to-do anyway though although since quite rather pretty good great nice cool fine new many
        last next never ago another because cause whether upon per via etc remember let's i'd able sounds sound";

    /// Stop words a title may have between its content words.
    pub LINKS: "a an the and or of for to in on at with from by about my our your into over between vs";

    /// Written small inside a title.
    pub MINOR: "a an the and or of for to in on at with from by but nor vs";

    pub SUBJECTS: "i we you he she they it there this that everyone everybody someone nobody";

    /// One token that is a subject and its verb.
    pub SUBJECT_VERBS: "i'm i'll i've i'd we're we'll we've we'd you're you'll you've you'd he's he'll he'd she's she'll she'd
        it's it'll that's that'll there's they're they'll they've they'd let's what's who's here's";

    pub AUXILIARIES: "am is are was were will would can could should must may might have has had need needs needed want wants
        wanted do does did don't doesn't didn't won't can't couldn't shouldn't wouldn't isn't aren't wasn't weren't
        haven't hasn't think thought guess know knew hope mean went got said told forgot feel felt like love hate
        live work go goes gotta wanna better remember believe started decided agreed moved bought saw had saw never always
        really also just probably definitely";

    /// After one of these, "I have to" belongs to what stands before it.
    pub COMPLEMENT: "like saying thinking that what who which when where why how if whether because than as think thought know knew guess hope say said
        says tell told me him her us them sure believe feel remember remembered realize realized realised wish bet mean
        and but or so before after until once since while unless though although the thing things time way everything
        something all day someone anything cause do does did will would can could should must am are is was were
        have had only reason moment to for of with not forgot guess figure figured doubt imagine pretend suppose wonder might not never";

    pub CONJUNCTIONS: "and but so because cause then or plus although though while since unless if when whenever before after
        until once otherwise whereas";

    /// Verbs that name something one can tick off.
    pub TASK_VERBS: "call email e-mail text message phone ring mail send forward reply respond write draft print sign submit file finish
        complete prepare review read check verify confirm update fix repair replace install set schedule reschedule book reserve
        cancel order buy purchase get grab pick drop bring take return deliver ship pay transfer deposit renew register apply
        enroll organize organise arrange plan clean wash vacuum mop tidy cook bake water feed walk move pack unpack paint build
        create make design test deploy merge push release publish post upload download share invite contact ask tell remind
        inform notify follow reach talk speak discuss meet visit attend join present practice practise study learn research find
        search investigate figure decide compare analyze analyse calculate measure count collect gather donate sell list
        photograph record edit translate transcribe summarize summarise document backup back charge refill fill empty throw hang mow
        rake assemble configure migrate refactor debug rewrite revise proofread approve hire interview train change switch close
        lock wrap thank congratulate apologize apologise add remove delete archive exercise start begin do give lend borrow
        refund claim request report negotiate propose pitch launch sort help touch handle circle catch iron sew trim cut look see
        go stop pull mark ping double-check follow-up turn put work use leave hand drive fly clear stock restock rebook swing
        run sync sanitize set-up ensure include explain introduce show outline unsubscribe subscribe cover wake defrost scan dig shoot venmo rsvp loop chase top fax fetch fill prep grade invoice
        bill log label sweep hoover weed plant trim unclog descale sharpen mount tailor nail hem finalise finalize notarize claim renovate
        decorate recycle compost rinse soak dry fold pickle freeze thaw marinate vaccinate groom adopt discharge prescribe refer
        restring tune rehearse memorize memorise annotate cite proof swap exchange dispute appeal escalate brief onboard invite promote
        tweet blog upgrade downgrade reset restart reboot unplug plug wire solder sand drill insulate seal weld let evaluate audit";

    /// Verbs asked of somebody for this very moment.
    pub AT_ONCE: "hear see believe imagine hold wait pass speak stop move turn explain repeat guess feel understand come look shut go
        leave play work put talk show give wake use start begin help try";

    /// Never a task without a date.
    pub VAGUE_VERBS: "be see go think try wait talk work sleep eat rest relax leave run stop start begin know understand admit say
        let look help sit stand use live focus breathe pee have get feel keep stay deal move change improve continue believe
        agree hope worry remember figure learn stick accept respect want wonder argue trust act speak drink laugh cry
        disagree face hurry calm realize enjoy grow become listen";

    /// Never a task, with or without a date.
    pub NEVER_VERBS: "mention emphasize emphasise stress note say admit confess wonder bet believe miss love hate like die kill know understand disagree agree guess hope
        not never always feel seem sound have've become happen imagine suppose assume";

    /// Both noun and verb: "and water" names a thing unless something follows it.
    pub NOUN_VERBS: "water paint text list file order present report charge record post document test plan change run walk work start
        look iron cut drive mail message ring phone book design study practice research claim request ship train share wrap
        mop rake file release stock notice cover show help pitch lock cook read check set fix report use return top plant log bill grade label loop dry brief invoice
        claim appeal tune drill seal plug sand wire exchange swap proof fold audit blog tweet nail mount promote trim chase";

    /// What may follow a verb as its object.
    pub OBJECT_STARTS: "the a an my our your his her their this that these those some any him them it me us for to all up out back
        everyone everybody two three four five";

    pub PRONOUN_OBJECTS: "it that this them him her you me us one something stuff everything anything things these those someone";

    /// Words a description must not end with.
    pub DANGLING: "and or but so to the a an of for with at on in by from my our your about before after until then because if
        when which who as also too i we he she they it's is are was were like around into okay please maybe
        just really actually probably definitely though next not";

    pub DISCOURSE: "so okay alright well anyway now yeah yes right oh hey and but also then plus because look listen basically actually
        please remember sure no";

    /// Standing before "I need to", these make it no commitment.
    pub DOUBTS: "don't doesn't didn't not never doubt doubtful wish imagine suppose pretend maybe perhaps might if unless hardly
        can't couldn't won't wouldn't unsure wonder wondering";

    /// Third-person reports: what follows is somebody's words.
    pub REPORTS: "said says saying asked asks yelled shouted sang wrote texted thinks thought claimed claims goes screamed whispered
        joked replied answered told";

    pub HABITS: "always usually often sometimes normally typically generally rarely constantly regularly everyday nightly";

    pub KIN: "wife husband partner girlfriend boyfriend fiance fiancé fiancée fiancee spouse son sons daughter daughters kid kids child
        children baby mother mom mum father dad brother brothers sister sisters siblings sibling parents twins grandmother
        grandma grandfather grandpa grandson granddaughter grandchildren grandkids uncle aunt cousin cousins niece nieces nephew
        nephews dog dogs cat cats puppy kitten hamster parrot rabbit rabbits horse horses pet pets boss friend roommate flatmate
        neighbor neighbour stepson stepdaughter stepdad stepmom stepbrother stepsister mother-in-law father-in-law
        brother-in-law sister-in-law manager godson goddaughter";

    /// Lasting things one can have besides family.
    pub CONDITIONS: "asthma diabetes adhd celiac coeliac epilepsy dyslexia migraines arthritis allergy allergies intolerance
        insomnia anxiety depression anemia tinnitus eczema hypertension degree phd doctorate masters mba tattoo tattoos
        pacemaker citizenship passport scoliosis psoriasis ibs vertigo";

    pub ATTRIBUTES: "name names birthday anniversary address hometown nationality job occupation profession number email hobby hobbies
        size language tongue major degree religion pronouns middle-name surname nickname birthplace type dream sign
        allergies username";

    /// Nouns that end like an occupation but are none, and shapeless ones.
    pub NO_IDENTITY: "bit little lot few couple minute mess fool wreck step second idiot loser moron failure burden monster little-bit
        disaster wimp goner zombie total complete huge-mess better worse matter";

    pub IDENTITIES: "actor author tutor member widow widower vegetarian vegan pescatarian nurse chef architect scientist student lawyer doctor dentist pilot mother father mom mum
        dad parent grandmother grandfather freelancer ceo cto founder person fan owl bird believer christian muslim catholic
        buddhist hindu atheist diabetic introvert extrovert veteran citizen native surgeon judge journalist accountant consultant
        assistant analyst midwife coach therapist resident guy twin carpenter plumber cop paramedic vet immigrant
        marine soldier athlete cyclist";

    pub TRAITS: "vegetarian vegan pescatarian diabetic asthmatic dyslexic celiac coeliac left-handed right-handed colorblind
        color-blind colour-blind pregnant married divorced widowed engaged retired jewish christian muslim catholic buddhist hindu
        atheist gluten-free lactose-intolerant lactose bilingual deaf german american british french italian spanish dutch
        polish irish scottish canadian australian indian chinese japanese korean brazilian mexican swedish danish norwegian
        finnish swiss austrian portuguese greek turkish russian ukrainian gay lesbian bisexual autistic self-employed
        unemployed introverted extroverted adopted nearsighted short-sighted kosher sober";

    pub LANGUAGES: "english german french spanish italian portuguese dutch polish russian ukrainian chinese mandarin cantonese japanese
        korean arabic hebrew hindi urdu turkish greek swedish norwegian danish finnish czech hungarian romanian thai vietnamese
        swahili latin bengali punjabi tamil farsi persian";

    pub PASTIMES: "piano guitar violin cello drums bass flute saxophone trumpet clarinet ukulele harp tennis football soccer basketball
        baseball golf chess badminton hockey games band orchestra volleyball squash rugby cricket poker padel pickleball keyboard banjo viola organ";

    pub NO_TASTES: "it that this these those them him her you your his their how what when where who everything
        everyone something nothing one ones";
}

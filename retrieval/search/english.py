"""English words that could be read as pinyin: women is we and men, or 我们."""

from __future__ import annotations

# Chosen by hand among common words whose letters are two or more syllables; names of Chinese places and words that are
# Chinese in the first place (mama, taiji) are left out.
_WORDS = """
    abide abuse academia ache acute adequate agenda alibi alien alike alone along alongside amaze amuse analogue anger
    angle animate anime anticipate antique anyone apiece aqua arena aria arise asia asian aside ate atelier awaiting awake
    awaken aware balance bale banana bandana bane bare base baseline basilica bate beige bending bike bile binding binge
    bite biting boating bode bohemian bonanza bone booming bore boxing cabin cacao cache cage cake came cameo camino
    canada canadian cane canine canoe canola canteen cantina care career caricature case cashier catalogue cease chance
    chandelier change changer channeling chanting chase cheating cheer cheerleading cheese cheesecake chihuahua chile
    chili china chinese ciao cinema cite citing citizen couture cuisine cumin cunning cure cute damage dame dance danger
    dangle dangling dare data database date dating daze dealing dean debate debating decade decide deciding dedicate
    deepen deer defence defending defense delaying delegate delete deleting deli delicate demanding demise demo denominate
    denote dense denying dependence depending desire detailing dialogue dice die dike diligence dime dine dining dioxide
    dire disease dude duke dune ease easier eating educate educating elegance eliminate elite elongate emanate emoji
    emulate enchanting endanger ending endure engage enhance ensure entire equate eradicate erase erode exile exiting
    eyeliner facade face facilitate fading fake fame famine fanbase fantasia fare fate fatigue fence foliage foodie
    fooling footage fore foreman foresee fuse futile future gage gala gale game gaming gate gaze geese gene generate
    generating genie genocide genome genre gouache guacamole guarantee guidance guide guideline guiding guise gunman
    gunmen guru haiku hailing halo hare hate hating headache heading healing heating here heritage hesitate house huge
    human humane hunting jubilee kale karaoke keen keeping lace lake lakeside lame lance landing lane language late
    latitude leading league lean leaning leaping lease legalize legate leisure lemonade lending lice license like lime
    limiting line lineage lineman linemen linen liner linger lingerie lining linkage lite loading loan locate locating
    lone longer longtime lookalike looming loose loosen looting lore lose luge lute machine machining made magazine mage
    magenta maiden mailing maize make male malice manage mandate mane mango mania manicure manipulate manning manure mare
    mariachi marina marine maritime mate matinee mating mature maximize maze mean meaning meantime media median medicare
    medicine meditate meeting melee meme memo menace mentioning menu mere mesa mexican mica mice mile mileage militia mime
    mince mine miner mingle mini miniature minimize mining minute mire misuse mite mitigate mixing moan mobile mobilize
    mocha mode modeling module mole molecule moose more mouse mule muse musician mute naan name namesake naming nature
    needing negate nice niche niece nine nineteen nuance nude ocean omega onesie opaque open opener orange origami outage
    outing oxide pace pagan page palace palate pale pancake panda pane panini papaya parenting patience patio paying
    pending piano piece pier pile piling pine pinning pioneer piping pique pixie poke pole police policeman policemen
    polite politician populate pore pose positioning pouting puma pure puree quake quarantine queen quota quote quoting
    range ranger reading realize rebate rebuke recite reduce reeling refuge refugee refuse refute regenerate regulate
    regulating relate relating relaxing release reliance relocate remaining remake reminding remodeling remote renaming
    renegade renting reopen repentance reside residence residing residue resilience resize resume retaliate retina retire
    rice ride ridicule riding rise risen rite rouge route routine routing rude ruining rule ruling rune running runtime
    sabotage safari saga sage sailing sake salami sale saline salute salvage same sane sangria sate satire saying sealing
    seaside seating secure sedan seeding seeming senate sending sense sequence serene sesame shade shading shake shaken
    shame shaming shaping share shine shining shire shouting side sideline siding siege silence simulate sine siren site
    size suede suicide suite sumo sundae sunken sunrise sunshine sure sushi tailing take taken tale tame tangerine tangle
    tango tanning taping tea teaming tease teatime teen teenage tenure tide tie tier tile time timeline timing tire titan
    touting tubing tuna tune tuner tuning tutu wade wage waiting wake wane waning wanting ware warehouse wasabi waxing
    woke woken wolverine woman women wooden yoga yoke
"""
LIKE_PINYIN = frozenset(_WORDS.split())

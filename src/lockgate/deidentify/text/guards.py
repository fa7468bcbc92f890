"""What looks like a name and is none: eponyms, names that are words, places in the names of diseases and scores.

The lists are our own writing, from general medical knowledge.
"""

from __future__ import annotations

from lockgate.deidentify.text.fold import words

# Surnames (and towns) that stand in the names of diseases, signs, scores, lines and operations.
EPONYMS = words("""
    achilles adams addison adson alport alzheimer apgar argyll argyle asperger austin babinski bacon baker
    bankart barlow barrett barre barthel bartholin barton bartter bath basedow bazett beck becker behcet bell
    bence berger binet bishop blalock bowen braak braden bristol brown browne budd buerger burkitt bruce
    brugada canadian caldwell caroli charcot charlson chagas cheyne child chvostek clark clarke cobb cockcroft
    cole colles conn cooley coombs cornell cotton courvoisier creutzfeldt crohn crutchfield cullen cushing
    dandy danis davies dawson denis doppler down downs dressler duchenne duke dukes dupuytren durie ebstein
    edinburgh edwards ehlers eisenmenger epley epstein epworth evans ewing fabry fallot fanconi felty
    finkelstein fisher fitz fitzpatrick fleischner foley fontaine forrest fowler frank freiberg friedreich
    fuchs galeazzi gamma garden gaucher gibson gilbert gillick glasgow gleason goodpasture gough gower gram
    graves grey guillain guthrie hallpike harris hartmann hashimoto hawkins heberden heimlich henoch herring
    hickman hill hirschsprung hodgkin hoffman hoffmann holter homan homans horner hughes hunt hunter
    huntington hurler hutchinson ishihara jaeger jackson jacobson jones kaposi karnofsky kawasaki kehr kennedy
    kernig killip kimmelstiel king kirschner klinefelter kocher korsakoff kupffer kussmaul lachman lambert
    landau laurence leeds legg lennox lewy lhermitte libman liverpool likert lister little ludwig lugol lund
    lyme mallory mantoux marfan maslow mayo mcburney mcgill mcmurray meckel meniere menzies merkel meigs
    michaelis miller mini mirizzi monro morison morton munchausen murphy nissen noonan norfolk norwich
    nottingham osgood osler oxford paget pancoast parkinson perthes peyronie phalen pick pott potts prader
    pringle purkinje queckenstedt quincke ramsay ransom rankin raynaud reed reinke reiter rett reye reynolds
    richter rinne riley rockall romberg ross roux rovsing roth ryle ryles salter sanders schilling schirmer
    schober sengstaken sheehan short simmonds simpson sims sjogren smith snellen spurling starling stevens
    stewart still stokes sudek sydenham syme takayasu tanner thomas thompson thomson tietze tinel todd
    tourette trendelenburg trousseau turner vincent virchow von volkmann waldenstrom warthin waterlow weber
    wegener weil wells wenckebach wernicke weston whipple willebrand wilms wilson wolff wood yale york zenker
    ziehl zollinger cowden faber kramer heinz barts stevens-johnson li-fraumeni henoch-schonlein
    guillain-barre
    ehlers-danlos prader-willi budd-chiari lennox-gastaut wolff-parkinson-white
    stafne pell gregory dormia kanavel graseby widal otago otago-exercise finochietto pell-gregory
    brown-sequard
    sampaolesi schneiderian couinaud alfredson lembert brudzinski kernig bobath capgras cotard ciaglia
    mobitz lanz koebner
    purdue schofield mulligan klatskin bonnet gunn argyll robertson gieson rutherford campbell posner
    schlossman adie
    fregoli fregoli's clerambault ekbom cotard's gilles rorschach luscher holmes hopkinson jacksonian todd's
    grocott cockcroft-gault balfour langenbeck norton jack-knife ortolani montgomery frankfort
    paul-bunnell fischer
    pilates whooley moro apley westley winquist savary-miller savary hayling brixton rey makler kruger
    stroop luria siewert kleihauer dix-hallpike van-herick herick shaffer amsler goldmann volk bruckner
    hirschberg
    ziehl-neelsen neelsen giemsa masson perl perls sudan luxol nissl golgi papanicolaou romanowsky
    leishman wright
    kerley swan-ganz tenckhoff hickman-line seldinger veress hasson pfannenstiel joel-cohen bakri kiwi
    wrigley neville
    simpson kielland wertheim manchester fothergill mccall bonney burch moschcowitz kelly babcock allis
    lane debakey
    kocher spencer wells metzenbaum adson mcindoe gillies bard bard-parker volkman deaver norfolk
    bookwalter finochietto
    steinmann denham charnley exeter thompson-moore moore austin-moore garden-pauwels pauwels weber-danis
    danis-weber ao
    schatzker gustilo gustilo-anderson mason neer rockwood hill-sachs bennett rolando colles smith-type
    monteggia
    maisonneuve lisfranc chopart jefferson hangman chance segond pilon tillaux gartland salter-harris
    risser cobb
    galant babinski chaddock oppenheim lasegue froment phalen-tinel tinel-phalen finkelstein-test
    yergason hawkins-kennedy
    empty-can thessaly ottawa canadian-c-spine nexus wells-score geneva perc curb duke-criteria
    jones-criteria light
    ranson glasgow-blatchford blatchford rockall-score forrest-class los-angeles prague vienna paris
    child-pugh
    meld okuda barcelona maddrey lille metavir ishak knodell banff karnofsky-score ecog gleason-grade fuhrman
    bosniak bethesda nottingham-index scarff bloom richardson clark-level breslow ann-arbor rai
    binet-stage lugano
    deauville durie-salmon lille-score hoehn yahr hoehn-yahr montreal addenbrooke hodkinson folstein moca
    berg tinetti
    rivermead braden-score malnutrition barthel-index frenchay lawton katz bristol-chart rome
    vienna-criteria oswestry
    constant-murley harris-hip lysholm tegner hamilton montgomery-asberg asberg yale-brown
    edinburgh-score conners
    vanderbilt griffiths bayley denver mchat snellen-chart kay cardiff ishihara-plates lang titmus frisby
    epworth-score mallampati cormack lehane cormack-lehane guedel-airway magill macintosh mccoy bain ayre
    mapleson tuohy
    whitacre sprotte quincke-needle coude tiemann foley-catheter nelaton malecot pezzer jackson-pratt
    robinson-drain
    thomas-splint gallows bohler-braun hamilton-russell buck minerva philadelphia aspen miami
    taylor-brace boston-brace
    knight ponseti pavlik denis-browne boots zimmer-frame rollator delta gutter fischer-sticks lofstrand
    canadian-crutch
    bankart-repair latarjet putti weaver-dunn darrach sauve-kapandji kapandji keller akin scarf lapidus
    chevron mcbride
    evans-calcaneal weil-osteotomy brostrom broström jones-fracture haglund sever osgood-schlatter
    sinding larsen kohler
    freiberg-disease panner kienbock preiser madelung sprengel klippel feil klippel-feil scheuermann
    calve blount
    ortolani-test barlow-test galeazzi-sign allis-sign duncan-ely thomas-test ober noble
    trendelenburg-test faber-test
    lhermitte-sign spurling-test roos allen buerger-test brodie perthes-test homans-sign pratt
    kussmaul-sign corrigan quincke-sign
    duroziez watson austin-flint carey coombs-test graham-steell roth-spots osler-nodes janeway levine
    corrigan-pulse hampton
    westermark fleischner-sign palla codman looser harris-lines rigler chilaiditi cullen-sign turner-sign
    fox murphy-sign
    rovsing-sign mcburney-point psoas obturator dunphy blumberg courvoisier-sign virchow-node troisier
    sister-mary
    ghon ranke assmann caplan heberden-nodes bouchard dupuytren-disease boutonniere gottron shawl mees beau
    lindsay muehrcke plummer plummer-vinson vinson paterson kelly-paterson zenker-diverticulum killian
    schatzki
    mallory-weiss boerhaave cameron dieulafoy meckel-diverticulum peutz-jeghers gardner turcot lynch
    cowden-syndrome
    hartnup gilbert-syndrome crigler najjar dubin rotor wilson-disease menkes niemann niemann-pick tay
    sachs tay-sachs
    krabbe pompe mcardle cori hers andersen hunter-syndrome sanfilippo morquio maroteaux sly scheie ortner
    birmingham hudson venturi ambu yankauer magills waters bair swedish kendrick kehrer prechtl brazelton
    dubowitz ballard
    silverman apgar-score usher pendred treacher stickler waardenburg alport-syndrome jervell lange
    romano ward-romano andersen-tawil holt oram holt-oram noonan-syndrome williams digeorge catch
    turner-syndrome
    edwards-syndrome patau angelman beckwith wiedemann sotos rubinstein taybi cornelia kabuki
    stevens-johnson-syndrome
    abrikossoff ahlback alcian alpers alports alstrom amies aospine asboe askin astler auspitz balthazar
    bardet bassini baux beger behcets belsey bentall bezold bhutani biedl billroth biot blandy blumer
    bormann bourneville brugadas brunnel brunnstrom brushfield bunina cabot cardarelli carnett carvallo
    casoni cdai centor charcots churg citelli cognard coller cowdens cowdry credes crile cronkhite
    cullens darier dejerine dercum desarda descemet dieterle dohle dohlman doose drance dravet dreifuss
    egawa elschnig erdheim feverpain flexner forchheimer fugl ganong gesell girdlestone gitelman gleevec
    gmfcs gomori goodpastures gorlin gowers grawitz greulich griesinger grocco guarnieri guedels haggitt
    hartofilakidis heaf heerfordt heermann hegar hegars hektoen henochs hippel hirano hollenhorst hoos
    hornblower howship hunner icrs ilae imrie isup jannetta janz jatene jerger joffroy judet kabat kasai
    kegel kellgren kienböck kikuchi konno koos koplik kronig krukenberg kugelberg kveim lafora landolfi
    launois lenke lentigo lequesne leser letournel levene leydig lhermittes lippmann lipsitz lisch
    lovibond lovset lowenstein lown lrinec ludington macconkey mackler maconkey maffucci mahaim
    mallampatis mannerfelt manouguian marinesco masaoka mauriceau maylard mcburneys mikulicz mitrofanoff
    mobius modic mouret mucicarmine mycosis myerson naegele nikolsky nurick nyhus ohtahara ollier
    outerbridge panayiotopoulos papile pappenheimer pastia pauwel perfetti peutz pfirrmann pindborg
    prussian psammoma puestow quebec queyrat quickdash quinckes ramstedt ranawat ravitch raz refsum
    reinkes reiters rolandic rosai rossolimo rouleaux rouviere rutgeerts sabouraud santulli sarnat
    schamroth scheltens schwann sclarsky selenite sellick senning sertoli sezary shouldice sicca sirius
    sjogrens soave sottas spetzler stellwag stener stoppa stulberg sturge sulcus tardieu thebesian
    thornwaldt thyrogen todds toupet traube trelat trendelenburgs tuohys uhthoff vancouver vdrl verhoeff
    verocay vineland virchows vojta walsall wartenberg wassermann waterston wegeners welander werdnig
    wfns whipples wintersteiner witts womac wpw yacoub zavanelli zung
    burrows-wheeler fridericia sanger denonvilliers lloyd-davies sugarbaker bismuth corlette
    bismuth-corlette toldt
    dawes-redman broome deauville hudson-mcdade columbia
""")

# Eponyms so usual that their possessive stands alone: "known Parkinson's".
ALONE = words("""
    parkinson crohn alzheimer hodgkin huntington cushing addison graves raynaud barrett dupuytren paget
    meniere asperger hashimoto tourette sjogren hirschsprung wilson down perthes waterlow
""")

# Nouns that follow an eponym.
HEADS = words("""
    disease syndrome sign signs palsy lymphoma score scale scales procedure line lines catheter catheters test
    tests lamp sarcoma phenomenon contracture contractures oesophagus esophagus foot joint joints tube tubes
    tumour tumor criteria classification index fracture fractures operation repair stool coma drain needle
    forceps position manoeuvre maneuver reflex reflexes node nodes ulcer cyst hernia thyroiditis chorea ataxia
    dementia anaemia stain staining stage staging ward wards bodies body band nevus naevus triad tetralogy
    anomaly malformation pouch diverticulum duct gland glands granulomatosis cell cells virus encephalopathy
    psychosis neuropathy arthropathy dystrophy aphasia area granuloma cardiomyopathy block pattern waves wave
    negative positive sequence grade type method equation formula regime regimen chart plot monitor monitoring
    tape bandage splint frame rods wire wires screw plate bag mask valve stent shunt solution lotion powder
    paste oil pessary ring clip clamp retractor speculum swab broth agar medium titre antigen antibody protein
    proteins nodule nodules exanthem rash spots spot kidney heart lung syndromes law principle competence
    competent phenotype respiration breathing pulse sling approach incision osteotomy arthroplasty resection
    anastomosis thoracotomy jejunostomy ileostomy colostomy flap graft mesh tracing questionnaire inventory
    checklist assessment tool scoring rating risk schedule guideline guidelines consensus protocol pathway hip
    knee shoulder unit sore barre gehrig hallpike scott pugh white parkinson jakob danlos barr zuelch rett
    schonlein weiss lewis steele richardson ellison vivax stem squeeze lesion nerve fibrillation bundle
    fibres foramen
    tendon tendinopathy tendinitis ligament angle arc view
""")

# Names that are everyday words: they are names only where they are written and placed like one.
WORDS = words("""
    will may mark rose grace hope faith joy dawn summer summers autumn winter winters june april august
    violet ivy lily daisy poppy iris hazel olive heather holly fern amber ruby pearl jade opal coral
    crystal penny bill rob frank grant dean duke king prince bishop pope abbot cook baker butcher
    carpenter farmer fisher gardener gardner hunter miller porter potter shepherd smith tailor taylor
    walker wood woods bush field fields hill hills lake marsh moor moore pond pool rivers brook brooks
    stone stones sand sands snow frost rain storm gale day days week noon night knight knights long
    short small little large young old new newman strong sharp swift bright light dark black white brown
    green grey gray blue gold golden silver red reed read rich richer poor good best better bean bird
    wolf fox lamb bull hart hare crane drake finch nightingale partridge peacock swan robin jay wren
    angel faithful sweet savage stern gentle moody wise wild bold noble just true case chase church
    chapel castle bridge bridges ford forest gates hall house lane park port street banks bank barn
    barker bell bells bond book books bow bowman box boy brand bread bridle broad buck burn burns butler
    butter button cannon care cash chance charity chamber chambers christian clay close cloud coal
    coffin coke cotton court crook cross crow crown cruise cutter dale dance dear doctor dove dyer eagle
    early east west north south easter fair fast fear fell finn fish flag flood flower flowers foot
    foster fountain free freeman friend frame gain game gay glass glory gore grave graves guy hale hand
    hands hardy harp hay hays haste head heal heath hedge herb hide high hind hog hood hook hopper horn
    hose hunt hurt ice inch iron justice keen key keys kind kitchen lance land last law laws leaf lee
    letter liberty line lion list locke lock loft lord lot love lowe low luck mace main major marble
    march mare marks marrow mast masters max mercy merit mild mile miles mill mills mind mint miss mist
    monk moon morn moss moth mount mountain myth nail need needle nest nurse oak oaks olden orange page
    pages pain paine pan parish parsons partner pass patch patience peace peach pear peel pen pepper
    pick pickle pike pine pink plain plant plum pole post pound power powers pray press price pride
    proud purple quick raven ray rice ridge ring rise robe rock rod roof roman root rope rough rowan
    royal rush rust rye sage saint sale salmon salt sandy satchel sauce say self sell senior sergeant
    sexton shade sharpe shell ship shore shoulder sierra silk sky slack slate sly snell song sparrow
    spear speed spice spring stack star stark start starling staff stead steel steele step stock stout
    strange stretch stringer summerfield sunny sword tab tan teal temple thorn thorne tide till toll
    tong torn touch tower town tree trigger troll trout trust tuck tune twist vale van vice vine wade
    wait walk wall walls ward warden waters way weather weed weeks welch well wells whale wheat wheel
    wing winner wish yard zeal an so do go in on to you he she ho ha man men son sun sum my me we us or
    are at be by can dad mum pa ma the has had her his its not now off one our out own per six ten too
    two was yes yet see sit set let get got put run try ask able any app art bin bit car cut dry due ear
    eat end eye far few fit fun gap hat hot how ill jam job kit lad lap leg lip mad map mix mud net nil
    nod nut odd ops pet pie pin pip pit pop pot pub rag ran rap raw rib rid rim rip rot row rub rug sad
    sat saw sea sin sip sir ski sob tap tea tip toe ton top toy tub tug use via wax web wet win zip
    dusty precious angels destiny chastity tin di blaze ace miracle blessing gift happy lucky merry
    marigold clementine cherry ginger rosemary basil saffron bay charm honour prudence constance
    felicity verity temperance abrupt pace keel tongue trance lees tolerance mature patient
""")

# Verbs after which it is plain that a person was named before: "Will attended", "May said".
PERSON_VERBS = words("""
    was is has had said says woke went came told felt ate slept sat stood walked lives lived attended reports
    reported prefers denies denied talked settled states stated feels appeared appears remains remained
    presented presents complained complains described describes agreed declined refused asked accepted wants
    wanted wishes uses used takes took gave needs needed works worked drinks smokes became seemed seems looks
    looked reviewed rang phoned called visited mentioned explained understands understood knows knew thinks
    thought tolerated mobilised transferred fell suffers suffered started stopped arrived returned left met
    spoke smiled cried engaged mobilising lying sitting sleeping awake self-administered continues continued
    requested demonstrated expressed shared enjoys enjoyed likes liked and who does did can could would should
    tends gets prefers tries manages keeps puts signs finds managed completed received underwent
    developed noticed
    noted lost gained tells
""")

# Verbs that a disease or a place can't have: "AM settled" is a patient, "AF was noted" is not.
PERSONAL_VERBS = PERSON_VERBS - words("""
    was is has had started stopped received noted remained remains appeared appears seemed seems
    developed continues
    continued can could would should does did left needs needed presents presented and who took takes
""")

# Two or three capitals that are medicine sooner than initials.
ABBREVIATIONS = words("""
    AA AB AC AD AE AF AI AK AM AN AO AP AR AS AV BA BD BE BG BM BP BS CA CB CC CF CH CI CK CL CM CN CO CP CR
    CS CT CV CX DC DH DI DKA DM DN DNA DR DS DVT EBV ECG ED EF EG EMG ENT EP ER ET FA FB FBC FH FT GA GB GCS
    GI GP GU HA HB HBA HC HD HF HI HIV HPC HR HS HX IBD IBS ICU ID IE IM IN IP IQ IT ITU IV IVF JVP KG LA LB
    LFT LFTS LH LL LMP LN LP LR LS LV MC MCV MDT ME MG MH MI ML MM MR MRI MS MSU MV NA NB NG NH NHS NK NO NP
    NR NS OA OD OE OH OK OM ON OP OT PA PC PD PE PH PM PMH PN PO PP PR PRN PS PT PV QDS RA RA RBC RD RE RF RH
    RN RR RS RT RTA RUQ RV SA SB SC SD SE SH SI SL SN SOB SP SR SS ST TB TC TD TDS TFT TIA TM TP TR TS TV TX
    CVA RIP COPD HTN IHD CCF CKD AKI TKR THR CABG PVD NSTEMI
    BO CMW HM HV UC UE UK UO UR US UTI VA VF VT VTE WBC WC WR XR
""")

# What a capitalised word after a title, a relation or "seen by" may be and yet no name.
NOT_NAMES = words("""
    i'm i've i'd i'll it's that's he's she's they're we're don't didn't wasn't isn't can't couldn't
    a about above accident action acute admission admitted advised after age allergies allergy also an
    anaesthetic and any appointment april are as asked assessment assistant associate at august author
    available aware bay bed behalf bleep blood bloods blue both but call calls cardiac cardiologist cardiology
    care carer case cause cc centre chair chart chest child children clerk clerking clinic clinical clinician
    colleague colleagues comments community consultant contact continue copy could ct current daily date
    daughter day days dear december denies dental department dermatology diagnosis dialysis dietitian did
    discharge discharged discussed discussion district do doctor documented does dose drug duty during each
    early ears ecg ed education elderly emergency endocrinology endoscopy ent enc evening examination eye
    family father february feels findings fellow follow for foundation friday from further gastroenterology
    general geriatrics given gp gynaecology gynaecologist haematology had has have having he head healthcare
    health her here hepatology his history home hospital house husband i if imaging impression in infection
    informed intensive is it its january july june junior keyworker lab laboratory last lead letter liaison
    line locum lower madam manager march matron may medical medicine medication meds mental microbiology micro
    midwife midwifery monday morning mother mri named neonatal neurology neurologist neurosurgery new next nhs
    night no nok not note notes november now number nurse nurses nursing nutrition obs obstetrics occupational
    october of on oncology oncologist one ophthalmology optometrist or orthopaedic orthopaedics other our
    outcome outpatient outpatients paediatric paediatrician paediatrics pain palliative paramedic parent
    parents past pathology patient patients pharmacist pharmacy physician physiotherapist physiotherapy physio
    plan please pm podiatrist practice practitioner primary professor professional progress psychiatric
    psychiatrist psychiatry psychologist psychology radiographer radiologist radiology re read receptionist
    records referral referred reg registrar registered rehabilitation renal reported research respiratory
    results resus review reviewed rheumatology room round routine said saturday school secondary secretary see
    seen senior september service services she signed sincerely sir sister social sorry specialist speciality
    speech staff stroke student sunday support surgeon surgery surgical symptoms taken team telephone tel
    thank thanks that the their then theatre there therapist therapy these they this thoracic thursday time to
    today tomorrow transfer trauma treatment tuesday type ultrasound under unit upper urology us vascular
    vital was wednesday we wife will with wound ward weeks week when which who worker writing x-ray xray
    yesterday yours you your hca cpn cns sho spr ot slt fy1 fy2 st3 st4 itu icu hdu ccu amu mau sau aau a&e
    nbm ttos ttas hpc pmh dh sh fh o/e imp bp hr rr spo2 temp news gcs eua tci dna cxr fbc lfts crp u&e abg
    vbg esr inr sirs madam/sir all best both kind kindest regards faithfully sent dictated typed via mum dad
    son brother niece nephew aunt uncle gran grandmother grandfather partner neighbour friend guardian
    advocate solicitor police officer interpreter chaplain imam rabbi vicar priest porter phlebotomist
    technician technologist trainee intern resident attending house-officer executive director chief deputy
    acting regarding re-referred subject details address dob sex male female ethnicity religion language
    english welsh polish urdu gmc nmc hcpc gdc gphc pin ref dates reason complaint presenting problem problems
    procedure operation findings summary date/time actions section scan report reports comparison technique
    indication conclusion opinion impressions addendum ever rgds coroner dept para madam hosp prev grp wt mob
    path rad scr town title occupation surname forename forenames
    offered runner fasf bnf exam accession runner scrub asst handed obs
""")


def is_eponym(word: str, following: str, possessive: bool) -> bool:
    """Whether a word (lower case) followed by another (lower case, after a possessive s) names no person."""
    if word not in EPONYMS:
        return False
    return following in HEADS or (possessive and word in ALONE)


def reads_as_person(following: str, capital: bool, at_start: bool) -> bool:
    """Whether a name that is also a word is meant as a name: capital, and not at a start before just any word.

    ``following`` is the next word in lower case, "" when a sentence ends there.
    """
    if not capital:
        return False
    if not at_start:
        return True
    return following in PERSON_VERBS


def may_be_slip(lower: str) -> bool:
    """Whether a word (lower case) may be a slip of the pen for a name: it is long enough and no common word."""
    return len(lower) > 3 and lower not in NOT_NAMES and lower not in HEADS and lower not in _COMMON


# Words that stand one letter from a name and begin sentences: never taken for a slip of the pen.
_COMMON = words("""
    about after again alert alone along among angry ankle apart aware bathe begin being bilateral bleed blood
    bowel brain breath cared carer cares catch caring chest clean clear comes cough daily doing drain drink
    early eaten every eyes feels fever final first focal found fluid front given great group heard heart hence
    known large later least leave level light likes liver lives local lower lunch lungs major makes marked
    mental minor moist month motor mouth moved moves nasal needs nerve never night noted noise often older
    onset other pains patch phone place plans point prior pulse quite raise range rapid ready refer renal
    right round scans score seems sense share sharp sheet short since sinus skin sleep small smile smoke
    sounds spine spoke stage stand start state still stool story stroke study sugar swabs table taken talks
    tests there these thick thigh think third those three times tired today total touch trace tract treat
    trial truly under until upper urine usual value vague valve visit vital voice vomit walks warfarin warm
    watch water weeks weight where which while whole women words works worse wound wrist years yield young
    angina basal bloods bruise calcium caries carries cellular chronic colon marked marker markers marking
    morning mother normal parent partly partner passed pelvic poorly prefer present previous raised ration
    reason record recent reduced result reviewed routine seller settle settled severe should sister slower
    slight smears sodium stable steady stones stayed system tender ulcers unable vessel weaker wheeze within
    without nursing turned turner ranks banks
""")  # fmt: skip

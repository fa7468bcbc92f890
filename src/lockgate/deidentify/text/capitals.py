"""Words that notes write with a capital although they name nobody: headings, benefits, acts, scores, makes, peoples.

Our own list, from general knowledge of how notes are written.
"""

from __future__ import annotations

from functools import cache

from lockgate.deidentify.text.fold import words
from lockgate.deidentify.text.guards import EPONYMS, HEADS, NOT_NAMES, WORDS

_OURS = words("""
    eye ear mouth oral maxillofacial thoracic plastic breast colorectal abdomen abdominal abuse
    accessible access accommodation activity activities acts adhesive administration adult
    adults advance advice aid aids airway airways alcohol alert alerts allergic allied allowance
    ambulatory amber anaemia
    analgesia angiogram angiography ankle antenatal anterior antibiotic antibiotics anxiety aorta aortic
    apex appeal
    application approved arm arms arrival arrest arterial artery aspirin asthma atrial attendance
    attention attorney aural
    autism aware back background badge balance barrier baseline bath behaviour benefit benefits best
    better biopsy birth
    bladder blind block board body bone bones booking bowel bowels brain breast breath breathing bundle
    calcium calls
    cancer candidate capacity carbon cardiovascular cares carotid cataract categories category cell cells central
    cerebral certificate cervical change changes chemotherapy choice circulation circumstances claimant
    clear code codes
    cognition cognitive coma combined comment commode communication competence complications compliance
    comprehensive
    concern concerns condition conditions confidential confirmed conscious consent constipation contacts context
    contraception control conversation core coronary cough counselling course court covid creatinine credit crisis
    culture current cyst data death declaration deep delivery dementia dental depression deprivation description
    diabetes diabetic diet differential digital digits direct disability discharges disease disorder
    distal dizziness
    document domestic doppler dorsal drain drains dressing dressings drink drinks driver driving drugs duration
    dysphagia eating edema effusion elbow elective emergencies employment end energy entry environment
    epilepsy episode
    equipment event events evidence exam examined exercise exercises exit experience exposure extended
    external fall
    falls fasting fatigue fax feedback femoral femur fertility fever film final find fine finding first fit fitness
    flu fluid fluids focus food foot form forms fracture frailty framework free friday full function
    functional fund
    future gait gallbladder gas gastric general genetic genetics glucose goal goals good grade grant green group
    growth guidance gym haemoglobin hand hands headache hearing heart height help hepatic high hip holistic home
    homecare hospitals hot hours housing human hydration hygiene hypertension iam ideas identification identity ill
    illness immunisation immunisations impact impairment incident independence independent index inflammatory
    information informed initial injuries injury input inspection instructions insurance intake integrated interest
    interim internal international interval intervention interventions interview introduction investigation
    investigations involved iron issue issues job joint joints kidney kidneys knee knees knowledge labour
    laparoscopic
    large lasting late lateral law learning leave left leg legs lens lesion letters level levels library life light
    limited lines liver living location long loss lower lumbar lung lungs lymph magnetic main maintenance
    major male
    malignancy management mandatory mask mass maternal maximum measurement meeting member members memory
    meningitis menopause mild minor mobility moderate mode monitoring mood motor mouth movement multi multiple
    muscle nasal national native natural nausea neck needs negative neonates nerve neurological newborn no nodes
    normal nose notice notification null nurse nutritional object objective observation observations occupation
    offence office onset open operations opinion optical optional oral order organ organs origin orthodontic
    osteoporosis outcomes outlook output ovary overall overnight overview oxygen page pancreas panel parental part
    participants partner pathways pattern payment peak pelvic pelvis pending people per performance period
    permission person personal pharmacological phase photo physical pink placement plans plasma platelets
    pleural point
    points police policy polyp poor port position positive possible post posterior postnatal power precautions
    pregnancy prescription pressure prevention previous prior priority private process product programme progress
    prophylaxis proposed prostate protection protein provider proximal public pulmonary pulse purpose pupils
    quality question questionnaire questions radiation radiotherapy range rate reactions recommendations record
    recovery rectal red reduced referrals reflexes refused regular relevant remarks renewal repeat request
    requested required rescue research resistance resolution resource respect respite response responsible
    rest result return right risks road role safe safeguarding safety sample samples scans schedule scheme score
    screening search secondary sections secure seizure self sensation sensory sepsis serum service set severe
    shift shock short shoulder side sign signature significant signs single site situation size skin sleep
    small smoking social society source special specialists specimen speech spinal spine spleen spoken stable
    stage standard standing start state statement status stem step sterile steroid stomach stool stools
    street stress
    strict stroke structure structured study subjective substance sub suggest suicide summary supervision supine
    supplementary supply support surgical surveillance swab swabs symptom symptoms syndrome system systems table
    tablets target task tasks telemetry temperature tendon test tests thank thankful therapies thin thoughts throat
    thyroid time times tissue title toe tone tongue tooth total toxicology trachea tract training transfer
    transfusion transplant transport travel treatments triage trial triple tube tumour tumours type understanding
    unknown update upper urgency urgent urinary urine usual uterus vaccination vaccine vaccines vaginal
    value values
    valve vein venous verbal version vessel view views violence virtual virus vision visit visits visual
    vital vitals
    vitamin vitamins vomiting waiting walking warning water wave weekly weight welfare white whole wing withdrawal
    work world wounds written year years yellow young youth zimmer zoom
    allah bible catholic christ christmas christian church jesus quran ramadan eid diwali easter muslim sikh hindu
    jewish jehovah jehovah's methodist pentecostal buddhist god lord holy lent passover hanukkah vaisakhi
    africa african america american asia asian australia australian bangladesh bangladeshi brazil brazilian britain
    british canada canadian caribbean china chinese czech danish dutch egypt egyptian england europe european
    filipino france french german germany ghana ghanaian greece greek hungarian india indian iran iranian
    iraq iraqi
    ireland irish italian italy jamaica jamaican japan japanese kenya kenyan korea korean kurdish latvian lithuania
    lithuanian malaysia malaysian mediterranean nepal nepali netherlands nigeria nigerian norway norwegian pakistan
    pakistani philippines poland portugal portuguese roma romania romanian russia russian scotland scottish
    slovak somali somalia spain spanish sudan sudanese sweden swedish swiss switzerland syria syrian tamil thai
    thailand turkey turkish ukraine ukrainian wales welsh zealand zimbabwe tajikistan monaco bahamas vatican
    aboriginal arabic bengali cantonese farsi gujarati hindi mandarin pashto punjabi swahili tigrinya amharic
    yoruba igbo twi shona sylheti mirpuri makaton braille latin
    facebook google internet instagram tiktok whatsapp youtube netflix snapchat skype teams minecraft fortnite
    bluetooth ipad iphone alexa siri excel windows systmone emis epic cerner rio wifi
    guinness bovril quaker cornish rennie lemsip kwells lanz rocket swan triage appointments interp eth abdo
    calpol marmite weetabix horlicks ovaltine complan fortisip ensure movicol lucozade ribena guinness nescafe
    velcro lego honda ford toyota nissan vauxhall bmw audi volvo skoda peugeot renault kia hyundai mazda tesla
    elgar beethoven mozart shakespeare beatles churchill diana blair brexit wimbledon olympics bingo scrabble
    allevyn aquacel mepilex duoderm inadine jelonet tegaderm kendrick hudson venturi yankauer guedel
    robinson redivac
    care nordic clinical geneticist scientist crisis self-ref doctor anywhere attend otherwise accoucheur
    majors minors supportive app autumn winter spring viability tissue bereavement stoma continence bladder
    reablement dietetics
    stannah motability universal pip esa dla dwp dvla nice who cqc bma mencap scope samaritans mind
    rethink macmillan
    sgd sigd prev mil fil ttl hmp ied icd gdp bds frcs frcog mrcp mrcgp frca frcr frcpath mbbs mbchb bsc
    msc phd senco
    serco callsign lang dyddiad rhif geni insc insert para paras scr lmc mag gfr egfr ctg fft aki ckd
    copd nstemi stemi pci cabg tavi dcm hocm
    ok okay hello dear hi bye yes please thanks
    ext extn apols apologies ctr did born raised lives stays cousins xx bleeped paged countersigned verified rip cva utd
    nad sms malone sudden infant death strep scribed warden little
""")
# The last word of a run that names no organisation, person or place: "Mental Health Act", "Care Programme Approach".
_LAST = words("""
    act allowance approach attorney badge benefit chart credit form framework guide inventory index list
    model order
    passport pathway payment plan policy profile programme proforma protocol questionnaire rating record
    register report
    scale schedule scheme score scores screen screening sheet study survey system technique test therapy
    tool trial view
    counsellor examiner officer director fellow nurse adviser advisor assistant witness law control specialist
    wheelchair zimmer disease syndrome area bundle team teams ward wards bay checklist insurance
""")


@cache
def headings() -> frozenset[str]:
    """Words of headings, departments and forms alone: our own list."""
    return _OURS - WORDS


@cache
def capitals() -> frozenset[str]:
    """Words (lower case) that stand with a capital in notes and name nobody by themselves."""
    return (_OURS | NOT_NAMES | HEADS | EPONYMS) - (WORDS - _OURS)


def names_nothing(lowers: list[str]) -> bool:
    """Whether capitalised words in a row (lower case) are a heading, a form or an act."""
    those = capitals()
    return lowers[-1] in _LAST or all(word in those or len(word) < 2 for word in lowers)

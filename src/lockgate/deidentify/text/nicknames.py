"""By what short forms people are called: our own list of usual ones."""

from __future__ import annotations

_FORMS = """
abigail abby abi gail; alan al; albert al bert bertie; alexander alex al sandy alec; alexandra alex sandra lexi;
alfred alf alfie fred; alice ali; amanda mandy;
annabel annie bel bella anna; annabelle annie bel bella anna;
andrew andy drew; angela ange angie; anne annie nan; anthony
tony ant; antonia toni; arthur art; barbara barb babs; beatrice bea trixie; benjamin ben benny; bernard bernie;
bridget bridie; cameron cam; caroline caz carrie; catherine cath cathy kate katie kitty; cecilia cissie; charles
charlie chas; charlotte charlie lottie; christina chris chrissie tina; christine chris chrissie tina;
christopher chris kit; clifford cliff; constance connie; cynthia cindy; daniel dan danny; david dave davy;
deborah deb debbie debs; dennis den denny; denis den; derek del; diana di; dominic dom; donald don; dorothy dot
dolly dottie; douglas doug dougie; edmund ed eddie; edward ed eddie ted teddy ned; edith edie; eileen ei; elaine
lainey; eleanor ellie nell nora; elizabeth beth betty bess liz lizzie eliza libby lisa; emily em emmy; emma em;
ernest ernie; eric rick; eugene gene; eunice una; evelyn evie; florence flo florrie; frances fran frankie;
francis frank; frederick fred freddie; gabriel gabe; gareth gaz; geoffrey geoff; george georgie; georgina
georgie; gerald gerry; gerard gerry; gillian gill jill; gladys glad; gordon gord; graham gray; gregory greg;
gwendoline gwen; harold harry hal; harriet hattie; helen nell; henry harry hal; herbert bert herbie; hilda hil;
howard howie; hugh hughie; ian iain; irene rene; isabel izzy bella; isabella izzy bella; jacob jake; jacqueline
jackie jacqui; james jim jimmy jamie; janet jan; jane janie; jean jeannie; jeffrey jeff; jennifer jen jenny;
jeremy jez jerry; jessica jess jessie; joan joanie; joanna jo; joanne jo; john johnny jack; jonathan jon jonny;
joseph joe joey; josephine jo josie; joshua josh; joyce joy; judith judy jude; julia jules; julian jules; karen
kaz; katherine kath kathy kate katie; kathleen kath kathy; keith keef; kenneth ken kenny; kimberley kim; laura
lau; lawrence larry laz; leonard len lenny; leslie les; lewis lew; lilian lil lily; linda lin; louis lou; louise
lou; lucinda lucy; lydia lyd; malcolm malc; margaret maggie meg peggy madge marge greta mags; marion maz;
marjorie marge; martin marty; mary molly polly may; matthew matt; maureen mo; maurice mo; maxwell max; megan
meg; melanie mel; melissa mel; michael mick mike mikey; michelle shell chelle; mildred millie; miriam mim;
mohammed mo moh; mohammad mo moh; muhammad mo moh; nancy nan; natalie nat; nathan nate; nathaniel nat nate; neville nev;
nicholas nick nicky; nicola nicky nic; norman norm; oliver ollie; olivia liv livvy; oswald ozzie; pamela pam;
patricia pat patsy tricia trish patty; patrick pat paddy; paul paulie; paula paulie; peter pete; philip phil
pip; philippa pip pippa; phyllis phyl; priscilla cilla; rachel rach; raymond ray; rebecca becky becca bex;
reginald reg reggie; richard rick dick rich ricky; robert bob rob bobby robbie bert; robin rob; roderick rod;
rodney rod; roger rodge; ronald ron ronnie; rosemary rose rosie; roy roo; russell russ; ruth ruthie; samantha
sam; samuel sam sammy; sandra sandie; sarah sal sally; sebastian seb; sharon shaz; sheila shee; shirley shirl;
sidney sid; simon si; sophie soph; stanley stan; stephanie steph; stephen steve stevie; steven steve stevie;
stuart stu; susan sue susie suzy; suzanne sue suzy; sylvia syl; teresa terri tess; theresa terri tess; terence
terry; theodore theo ted; thomas tom tommy; timothy tim; valerie val; vera vee; veronica ronnie; victor vic;
victoria vicky tori; vincent vince vinny; violet vi; vivienne viv; walter wally walt; wendy wend; wilfred wilf;
william will bill billy liam; winifred winnie; yvonne von; zachary zac
"""

# A given name in lower case and the short forms by which its bearer may be called.
SHORT: dict[str, frozenset[str]] = {
    name: frozenset(forms) for name, *forms in (entry.split() for entry in _FORMS.split(";"))
}

"""Frequent words of languages in Latin letters, mostly function words, in small letters."""

from __future__ import annotations

# Words that other languages have in an English sense (login, app, online) are left out.
ENGLISH_WORDS = """
a about above add address after again against ain't all almost also although am an and another
any anyone anything are aren't around arrived as ask at away back be because been before being
below best better between big book both bought bring broken but buy by call can can't cancel
cannot cant card change changed charge charged cheap close closed closing come cook cost could
couldn't country currency day days deal delivery did didn't do does doesn't doesnt don't done
dont down drive during each eat else enough error evening ever every everything exchange
favorite feel few find first fly food for forgot forgotten free friend from full get getting
gimme give go going gone gonna good got gotta great had happen happened has hasn't have
haven't having he he's hear hello help her here here's hers hey hi high him his home hot hour
hours house how how's however human i i'd i'll i'm i've id if im in info instead into is isn't
isnt it it's its ive just keep know last late least left less let let's like list listen live
locked log lol long look looking lost love low made make making many may maybe me mean meaning
meet message might minute minutes missing money month months more morning most much music must
my myself name need never new next nice no nobody not nothing now number of off ok okay old on
once one only open opening or order other our ours out over own package paid parcel pay paying
payment people perhaps person phone play please pls plz price put question quite read really
received refund remind remove reset return returned returns right safe said same say see send
sent set several she she's shipping shop short should shouldn't show since size small so some
someone something song soon sorry spell spend spent start still stop store such take talk tell
than thank thanks that that's thats the their theirs them then there there's these they
they're thing think this those though through time times to today today's told tomorrow
tonight too top transfer travel tried true try trying turn two under unless until up update
upon us use used using very wait wanna want wants was wasn't watch way we we'll we're we've
weather week weekend weeks well went were weren't what what's whats when where where's wheres
whether which while who who's whom whose why will with within without won't wont word work
working works would wouldn't write wrong y'all yeah year years yes yesterday yet you you'd
you'll you're you've your yours yourself
"""

OTHERS = {
    "German": """
aber alle als am auch auf aus bei bekomme bin bis bist bitte brauche da danke das dass dein
dem den der des dich dir doch du durch ein eine einem einen einer eines er es euch euer eure
falsch für gegen geht geld gibt habe haben habt hallo heute hier hilfe ich ihr ihre im ins ist
ja jetzt kann kannst kein keine keinen konto können könnt könnte machen man mehr mein meine
meinem meinen meiner mich mir mit morgen muss möchte nach nein neue neues nicht nichts noch
nur ob oder ohne schon sehr seid sein seit sie sind soll sollte um und uns unser unsere viel
vom von vor wann warum was wegen welche welcher welches wenn wer werden wie wieder wir wird wo
wurde wäre zu zum zur zurück zwischen über
""",
    "Dutch": """
aan al alle als altijd bedankt ben bent bij dag dan dat de deze die dit doe doen door dus een
en er ga gaat geen geld goed graag had heb hebben hebt heeft het hier hij hoe hoeveel hun
iemand iets ik in is ja je jij jou jouw jullie kan kunnen kunt maar mag meer met mij mijn moet
moeten na naar nee niet niets nieuw nieuwe nog nu of om omdat onder ons onze ook op over
rekening te tegen terug tot u uit uw van vandaag veel voor waar waarom wanneer want waren was
wat we weer welke werd werkt wie wij wil willen word worden wordt zal ze zich zij zijn zo
zonder zou
""",
    "Afrikaans": """
'n aan as asseblief baie by daar dankie dat die dit een ek en gaan geld het hier hoe hulle hy
hê in is ja jou julle jy kan kom laat maak maar met moet my nee nie nodig nog nou om ons oor
op praat rekening sal se sy te terug toe tot u uit van vandag vergeet vir waar waarom wag
wanneer was wat weet werk wie wil
""",
    "Swedish": """
alla allt att av bara behöver bli blir bort dag de dem den denna det detta dig din dina dom du
där då efter eller en er ett finns från få får fått för går gör göra ha hade han har hej hon
hur här i igen ikke in inga ingen inte ja jag kan kommer kunde man med mer mig min mina mitt
mot mycket många ni nu när någon något och om oss pengar på sig sin ska skulle som så tack
till tillbaka under upp ut vad var vara varför vem vi vid vilka vilken vill är åt över
""",
    "Danish and Norwegian": """
af alle at av blev bliver både da de deg dem den denne der dere deres det dette din dine disse
dit du efter eller en er et etter fik for fordi fra få får gjør gjøre gør ha hade han har
havde hej hva hvad hvem hver hvilken hvis hvor hvordan hvorfor hvornår i igen igjen ikke ind
ingen jeg kan kom kommer kunde kunne man mange med meg mig min mine mit mitt må måtte noe noen
nogen noget nok nu nå når og også om op opp os oss penge penger på seg sig sin skal skulle som
så tak takk til tilbage tilbake ud under ut var ved vi vil ville vær været åbent åpent
""",
    "Icelandic": """
af að ef eftir ekki en er ertu eru eruð eða frá fyrir fá gera get getur hafa hef hefur hjá
hvar hvað hvenær hver hvernig hvers hér hún inn já kemur kl með mig minn mitt mun mér mín nei
núna og opið peningana sem sig sér sína takk til um upp var vera verið vil við á ég í úr það
þetta þið þá þér þú
""",
    "French": """
ai ainsi alors après au aucun aussi aux avec avez avoir avons bonjour c'est ce cela ces cet
cette combien comment compte d'un d'une dans de depuis des deux dois donc du elle elles en
encore est est-ce et eu faire fait fois il ils j'ai je jour jusqu'à l'ai la le les leur lui ma
mais me merci mes moi moins mon n'ai n'est ne ni non nos notre nous ou oublié où par pas
pendant peu peut peux plaît plus pour pourquoi pouvez puis-je qu'est-ce quand que quel quelle
quelles quels qui quoi s'il sa sans se ses si son sont sous suis sur svp ta te tes toi
toujours tous tout toute trop très tu un une veux vos votre voudrais vous y ça été êtes être
""",
    "Spanish": """
a ahora al algo algún antes aquí ayuda aún bien buenas buenos cada cambiar como con creo cual
cuando cuanto cuenta cuál cuándo cuánto cómo de del desde dinero donde dos días dónde el ella
ellos en entre era eres es esa ese eso esta estado estas este esto estos estoy está están fue
gracias ha haber había hace hacer han has hasta hay he hola hora hoy la las le les lo los
mañana me mi mis mucho muy más nada necesito ni nos nosotros nuestro nuevo o olvidé otra otro
para pero poder podría por porque puede pueden puedo pues que quien quiero quién qué sabe se
ser si siempre sin sobre son soy su sus sí también te tengo tiempo tiene tienen todavía todo
todos tu tus un una unos usted vez y ya yo
""",
    "Portuguese": """
a agora ainda ao aos aqui as até bem boa bom cadê com como conta da das de dele depois desde
dia dinheiro do dos dá ela ele eles em entre então era essa esse estava este estou está estão
eu fazer foi hoje há isso isto já lá mais mas me mesmo meu meus minha minhas muito na nas nem
no nos nossa nosso num não nós o obrigada obrigado olá onde ou para pela pelo pode podem por
porque porquê posso pra preciso quais qual quando quanto que quem quero se sem sempre senha
ser será seu seus sobre sou sua são só também te tem tenho ter teu toda todos tu tudo têm um
uma vai você vocês vou é
""",
    "Italian": """
abbiamo ad adesso ai al alla alle anche ancora aprite avete bene buongiorno c'è che chi ci
ciao come con conto cos'è cosa così da dal dalla degli dei del dell della delle devo di dire
domani dopo dov'è dove e era fare fino giorno già gli grazie ha hai hanno ho i il in io l'ho
la le lei lo loro lui ma mai me mi mia mie miei mio molto negli nel nella nessuno niente noi
non nostro nuova nuovo o oggi ogni ora per perché più po posso puoi può qual quale quali
quando quanti quanto quella quello questa questi questo qui sei senza si siamo siete solo sono
sta stato su sua sulla suo sì tu tua tuo tutti tutto un una uno vi voglio volta vorrei vostro
è
""",
    "Catalan": """
això al alguna amb aquest aquesta com compte de del dels des diners el els em en encara ens
esteu estic està et fa fins ha has he hi hola i jo la les meu meva molt mon més necessito no
nos o obert obriu on parlar pel per perquè però pot puc quan quant que qui quin quina què s'ha
sense si sobre son sóc són també tinc tornar tot un una us va vaig volia vull és
""",
    "Romanian": """
a aceasta această acest acum ai aici al ale am are asta au avea avem aveți azi aș așa bani
banii bine bună ca care ce cei cel cine contul cu cum când cât că da dacă de deci deja despre
din dintre doar după e ea ei el eram este eu face fi fost fără iar la le lor lui mai mea mei
mele meu mi mie mult mulțumesc mă ne nici nimic noi nostru nou nu o ori pe pentru poate pot
prin până sa salut sau se si sunt sunteți să ta te toate tot trebuie tu un una unde unei unui
va voi vor vreau vă văd îi îl îmi în încă între îți și
""",
    "Polish": """
a aby ale bardzo bez bo być był była było będzie chciałbym chcę ci co czego czemu czy dla
dlaczego do dobry dzień dziękuję dziś gdy gdzie go i ich ile jak jaka jaki jakie jako jego jej
jest jestem jeszcze jeśli już kiedy konto kto która które której który lub ma mam mamy mi mnie
mogę moich moja moje mojego mojej może można musi mój na nad nam nas nic nie niż no nowe o od
on ona oraz po pod pomoc ponieważ potrzebuję prosze proszę przed przez przy sie się skąd swoje
są ta tak także tam te tego tej ten też to trzeba tu tutaj tych tylko tym u w wam was we witam
więc wszystko wy z za ze został zostało że żeby
""",
    "Czech and Slovak": """
aby aj ako ale ani asi až bez bude budu by byl byla bylo byť být co dnes do dobrý dá dělat
ešte jak jako jaká jaké jaký je jeho jej její jen ještě jsem jsi jsme jsou jste já k kam kde
kdo kdy když kedy keď kolik koľko která které který len mají me mi mne mně moc mohu moje musím
má mám máte môj môže môžem můj můžu na naše ne nebo není než nic nich nie nám nás o od on po
pod podle potrebujem potřebuji potřebuju pre prečo pro prosím proto proč před při s sa se si
sme som ste svou své ta tak také tam te tedy ten to tohle toto tu tým už v viac vo vy vám vás
váš více všechno z za ze či čo že
""",
    "Croatian, Bosnian, Serbian": """
a ako ali bi bih bila bilo bio biti da do dobar gde gdje i iz ja je jednu jesam jeste još kad
kada kako kao koja koje koji koliko koristi li me mene meni mi mogu moj moja moje može možete
na nam ne nego neki nema ni nije nisam o od oni osim po pod pre prije radi s sa sam samo se
ste su sve svoj ta taj te to treba trebam tu u uz vas već vi za zaboravio zašto čemu šta što
želim
""",
    "Slovene": """
a ali bi bil bila bilo bom brez da danes denar do ga gre hvala in iz ja jaz je jih kaj kako
kam kar kateri kdaj kdo ker ki kje ko koliko lahko le me meni mi mogoče moj moja moje moram ne
nekaj ni nisem nič njegov o ob od odprto pa po pod potrebujem pri prosim s sem si smo so ste
sva svoj ta te to tudi tukaj v vas vaš več vse z za zakaj zdaj že želim
""",
    "Lithuanian and Latvian": """
apie ar arba ačiū aš bet bus buvo būti cik dabar dar dėl es gali galiu gribu iki ir iš jau jei
jis jūs kad kada kaip kas kiek ko kodėl kur kā kāpēc labai labas lūdzu man mano mans manu mes
mūsų nav ne negaliu nevaru no noriu norėčiau nuo nėra o paldies par pinigus po prašau prie
reikia su tai tas tik to un uz už vai vajag varu vēl yra
""",
    "Hungarian": """
a abban ahol aki akkor amely ami amit arra az azt be csak de egy el elfelejtettem erre ez ezek
ezt fel ha hogy hogyan hol honnan hova igen is itt jelszó jó kell ki kérek kérem le legyen
lehet lesz ma meddig meg megy mennyi mert mi mikor milyen mint mit miért most már ne nekem nem
nincs pénzem soha sok szeretne szeretnék szeretném szia tudok tudom után vagy vagyok van
vannak vissza volt én új üdvözlöm ő
""",
    "Finnish": """
ajan ei eikö eivät en entä että halua haluan he hei ihan ja joka jos jotta kaikki kanssa
kautta ketä kiitos kuin kuinka kuka kun me mihin miksi mikä mikäs milloin millä minkä minne
minulla minun minä missä miten mitä moi mutta myös ne niin nyt nämä ole olen oletteko oli
olisi olla on onko ovat paljonko se sen siellä siitä sinä sitä tai takaisin tarvitsen te tuo
tämä tämän tässä vai vain vielä voi voiko voin voinko yli
""",
    "Estonian": """
aga aitäh ega ei et ja kas kell kelle kes kui kuidas kuni kus kust la ma maha me meie mida
millal mille minu mis mitte mu mul mulle nad neid nii ning oled olen oli olla oma on palju
palun peab pole raha sa saa saab saan seda see selle siin siis sisse suur ta tagasi tahaks
tahan te teie tere vaja välja või üks üle
""",
    "Turkish": """
acaba ama artık aynı bana bazı ben beni benim bir biraz biz bu buna bunu böyle da daha de
değil diye eder en evet fazla gibi göre hala hangi hayır hem her hesabım hesap hiç hâlâ ile
istiyorum iyi için kadar kaç kaçta ki kim kimi lutfen lütfen merhaba mi misiniz mu musunuz mü
müsünüz mı mısınız nasil nasıl ne neden nedir nerede neredesiniz niye o olan olarak oldu
olmuyor olur on ona onu para saat sadece siz sizin son sonra tamam teşekkür teşekkürler tüm
var ve veya ya yani yeni yok zaman çok üzere şey şifre şimdi şu
""",
    "Albanian": """
a ai ajo ata ato beni dhe dua duhet e edhe faleminderit i ishte ja jam jane janë je jemi jo ju
ka kam ke kjo ku kur këtë me mua mund më na ne nga një nuk në o pa pak para po por për përse
që sa se si sot te tek tha tim time të u unë vetëm çfarë është
""",
    "Indonesian and Malay": """
ada adalah agar aku akun anda apa apakah atau awak bagaimana bagi bahwa banyak baru beberapa
belum berapa bila bisa bisakah boleh buka bukan cara dalam dan dapat dari datang dengan di dia
duit gak gimana halo hanya hari harus hendak ia ingin ini itu jadi jam jangan jika juga kalau
kami kamu kapan karena kasih kata ke kembali kenapa kepada kita kok lagi lain lebih macam maka
mana masih mau mereka minta mohon nak nggak oleh orang pada perlu pula pun saat sampai sangat
saya sebagai sebuah sedang segera sekarang semua seperti siapa sila sini sudah tak tapi telah
tentang terima tetapi tidak tolong uang untuk ya yang
""",
    "Tagalog": """
ako ang ano anong at ay ba bakit bukas dahil dapat di din dito gusto hanggang hindi ilan ito
ka kailan kailangan kami kasi kay kayo ko kong kung lahat lang mag magkano mga mo muna na
naman namin nang nasaan natin ng nga ngayon ninyo nito niyo o oras pa paano para pera po pong
puwede pwede sa saan salamat si sila sino siya tayo wala walang yung
""",
    "Vietnamese": """
ai anh bao bạn bằng bị bởi cho chúng chưa chỉ các cách cái còn có cũng cần của do em giúp giờ
gì hay hoặc hàng hãy hôm hỏi khi khong không là làm lên lúc lại muốn mà mình mất mấy một
mới nay như nhưng những nào này nên nếu nữa ra roi rất rồi sao sau sẽ theo thì thế tiền toi
trong trên tôi tại tới từ vui và vì vẫn về với xin đang đi điều đâu đây đã đó đơn được đến để
ở
""",
    "Swahili": """
au bado bei cha gani hapa hata hii hivi huduma ile ili ingia jana je jinsi juu kama karibu
kila kuhusu kupata kutoka kuwa kwa kwamba la lakini leo lini mimi mko moja na nafasi nani
naomba nataka ni nina ninaweza ninawezaje nini nje pesa pia sana sasa siwezi tafadhali wa
wakati wapi wewe ya yake yangu za zangu
""",
}

# Of the above, words that English texts hold too, as such or in names, borrowed or in short; and
# all words of one or two letters.
WEAK = """
ada adios ago ale ali alle ana ang ante aus bado ban bana bank ben beni bent bien bil bin bis
bit boa bon bona bonjour bort buenos bus care chi cho ciao com come comment con cum dag dal
dan danke das del dem den der des dia die dig dina dine dir doe door dos dove due een ein el
ella elle elles era est este face fare fin for fort fra gracias ham hari has hat hay hej hem
her hey hindi hoe hola hon hoy hun ich inn ins ist jag jam jane jos kan kim kit kong kung lag
lang las lei leo les los lui mag mai mal man mana mas mau max mei men merci mes met mia min
mina mine mir mit moi mon mot mua nada nam nay nee non oma on ons ora over para pas per pera
plus pod pole por pot pour pre prima pro pub pun que qui quo rat sal salut sam san sana sang
sat sen sense ser ses si sin solo son stat sub sur são tack tag tak tap tar ten til till tim
todo ton tot toto una van var vera vi via vid viva von war yang yo yok yung zum
"""
